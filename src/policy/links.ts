import { partOf } from './kinds/matches.js';
import { linkedPlaces } from './kinds/paths.js';
import { withLinkedExceptions } from './kinds/presets.js';
import { throughLink } from './kinds/through-link.js';
import type { BoundRule, Policy, Rule } from './model.js';

/** Top directories of a container that are symbolic links, with where they lead: `{ '/bin': '/usr/bin' }`. */
export type LinkedDirectories = Readonly<Record<string, string>>;

/**
 * Adds to each rule that speaks of a linked directory its twin with the name the kernel will see. Policies are written
 * for `/bin/sleep`; where `/bin` is a link to `/usr/bin`, as in every merged-usr distribution, the program that runs is
 * `/usr/bin/sleep`. The rule as written stays, for the day the link is replaced by a directory.
 */
export function followLinks(rules: readonly BoundRule[], links: LinkedDirectories): readonly BoundRule[] {
  if (Object.keys(links).length === 0) return rules;
  const linked = new Map<Policy, Policy>();
  const policyOf = ({ policy }: BoundRule): Policy => {
    const known = linked.get(policy) ?? withLinkedLibraries(policy, links);
    linked.set(policy, known);
    return known;
  };
  return rules.flatMap((bound) => {
    const [policy, rule] = [policyOf(bound), withLinks(bound.rule, links)];
    const match = partOf(rule.match).followLinks(rule.match, links);
    return match === undefined
      ? [{ policy, rule }]
      : [
          { policy, rule },
          { policy, rule: { ...rule, match } },
        ];
  });
}

function withLinkedLibraries(policy: Policy, links: LinkedDirectories): Policy {
  const { loaderLibraries = [] } = policy;
  const linked = linkedPlaces(loaderLibraries, links);
  return linked.length === 0 ? policy : { ...policy, loaderLibraries: [...loaderLibraries, ...linked] };
}

/** What one rule alone can say by both names. */
function withLinks(rule: Rule, links: LinkedDirectories): Rule {
  const { match } = rule;
  const followed = match.kind === 'preset' ? { ...rule, match: withLinkedExceptions(match, links) } : rule;
  return withLinkedSources(followed, links);
}

function withLinkedSources(rule: Rule, links: LinkedDirectories): Rule {
  const linked = rule.sources.map((source) => throughLink(source, links)).filter((source) => source !== undefined);
  return linked.length === 0 ? rule : { ...rule, sources: [...rule.sources, ...linked] };
}
