import type { BoundRule, Match, PathMatch, Rule } from './model.js';

/** Top directories of a container that are symbolic links, with where they lead: `{ '/bin': '/usr/bin' }`. */
export type LinkedDirectories = Readonly<Record<string, string>>;

/**
 * Adds to each rule that speaks of a linked directory its twin with the name the kernel will see. Policies are written
 * for `/bin/sleep`; where `/bin` is a link to `/usr/bin`, as in every merged-usr distribution, the program that runs is
 * `/usr/bin/sleep`. The rule as written stays, for the day the link is replaced by a directory.
 */
export function followLinks(rules: readonly BoundRule[], links: LinkedDirectories): readonly BoundRule[] {
  if (Object.keys(links).length === 0) return rules;
  return rules.flatMap((bound) => {
    const rule = withLinkedExceptions(withLinkedSources(bound.rule, links), links);
    const here = { policy: bound.policy, rule };
    const match = linkedMatch(rule.match, links);
    return match === undefined ? [here] : [here, { policy: bound.policy, rule: { ...rule, match } }];
  });
}

function withLinkedSources(rule: Rule, links: LinkedDirectories): Rule {
  const linked = rule.sources.map((source) => throughLink(source, links)).filter((source) => source !== undefined);
  return linked.length === 0 ? rule : { ...rule, sources: [...rule.sources, ...linked] };
}

function withLinkedExceptions(rule: Rule, links: LinkedDirectories): Rule {
  const { match } = rule;
  if (match.kind !== 'preset' || match.except === undefined) return rule;
  const linked = match.except.map((place) => linkedMatch(place, links)).filter((place) => place !== undefined);
  return linked.length === 0 ? rule : { ...rule, match: { ...match, except: [...match.except, ...linked] } };
}

function linkedMatch<Place extends PathMatch>(match: Place, links: LinkedDirectories): Place | undefined;
function linkedMatch(match: Match, links: LinkedDirectories): Match | undefined;
function linkedMatch(match: Match, links: LinkedDirectories): Match | undefined {
  switch (match.kind) {
    case 'exact': {
      const path = throughLink(match.path, links);
      return path === undefined ? undefined : { ...match, path };
    }
    case 'directory': {
      const directory = throughLink(match.directory, links);
      return directory === undefined ? undefined : { ...match, directory };
    }
    case 'pattern': {
      const pattern = throughLink(match.pattern, links);
      return pattern === undefined ? undefined : { ...match, pattern };
    }
    case 'call': {
      const target = match.target === undefined ? undefined : linkedMatch(match.target, links);
      return target === undefined ? undefined : { ...match, target };
    }
    default:
      return undefined;
  }
}

function throughLink(path: string, links: LinkedDirectories): string | undefined {
  const top = /^\/[^/]+(?=\/)/.exec(path)?.[0];
  const target = top === undefined ? undefined : links[top];
  return target === undefined ? undefined : target + path.slice(top!.length);
}
