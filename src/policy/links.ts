import { posix } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { partOf } from './kinds/kinds.js';
import { linkedPlaces } from './kinds/paths.js';
import { withLinkedExceptions } from './kinds/presets.js';
import { linksOnWay, throughLink } from './kinds/through-link.js';
import type { BoundRule, Match, Policy, Rule } from './model.js';
import { pathsNamedBy } from './named-paths.js';

/** Symbolic links of a container by their names, with where they lead: `{ '/bin': '/usr/bin' }`. */
export type LinkedDirectories = Readonly<Record<string, string>>;

/** What more is known of the links of a container. */
export interface OtherLinks {
  /** Found once the container ran: it may have made them itself, so nothing is allowed by them. */
  readonly later?: LinkedDirectories;
  /** Programs that several names lead to, as to busybox. */
  readonly shared?: readonly string[];
}

/**
 * Adds to each rule whose paths lead over links a copy with the name the kernel will see. Policies are written for
 * `/bin/sleep`; where `/bin` is a link to `/usr/bin`, as in every merged-usr distribution, the program that runs is
 * `/usr/bin/sleep`. The rule as written stays, in case the link is replaced. Links that others lead to are guarded, unless
 * the rule allows: where they lead to later is not searched for.
 */
export function followLinks(
  rules: readonly BoundRule[],
  links: LinkedDirectories,
  { later = {}, shared = [] }: OtherLinks = {},
): readonly BoundRule[] {
  const all = { ...later, ...links };
  if (Object.keys(all).length === 0) return rules;
  const isShared = new Set(shared);
  // What leads elsewhere than at first leads to both.
  const changed = Object.keys(later).some((link) => Object.hasOwn(links, link)) ? [{ ...links, ...later }] : [];
  const linked = new Map<Policy, Policy>();
  const policyOf = ({ policy }: BoundRule): Policy => {
    const known = linked.get(policy) ?? withLinkedLibraries(policy, links);
    linked.set(policy, known);
    return known;
  };
  return rules.flatMap((bound) => {
    const policy = policyOf(bound);
    const isAllowing = bound.rule.action === 'Allow';
    const known = isAllowing ? links : all;
    const others = isAllowing ? [] : changed;
    let rule = withLinks(bound.rule, known, isShared);
    for (const other of others) rule = withLinkedSources(rule, other, isShared);
    const twins = twinsOf(rule, known, isShared);
    for (const match of others.flatMap((other) => twinsOf(rule, other, isShared)))
      if (!twins.some((twin) => isDeepStrictEqual(twin, match))) twins.push(match);
    const guardedLinks = isAllowing ? [] : [...new Set([known, ...others].flatMap((each) => linksBehind(rule, each)))];
    return [
      { policy, rule, ...(guardedLinks.length > 0 && { guardedLinks }) },
      ...twins.map((match) => ({ policy, rule: { ...rule, match } })),
    ];
  });
}

/** The names of the links that only other links lead to; those along its own path a rule guards by naming what is there. */
function linksBehind({ match }: Rule, links: LinkedDirectories): string[] {
  return pathsNamedBy(match).flatMap((path) =>
    linksOnWay(path, links).filter((name) => path !== name && !path.startsWith(`${name}/`)),
  );
}

function withLinkedLibraries(policy: Policy, links: LinkedDirectories): Policy {
  const { loaderLibraries = [] } = policy;
  const linked = linkedPlaces(loaderLibraries, links);
  return linked.length === 0 ? policy : { ...policy, loaderLibraries: [...loaderLibraries, ...linked] };
}

function twinsOf(rule: Rule, links: LinkedDirectories, shared: ReadonlySet<string>): Match[] {
  const part = partOf(rule.match);
  const twins = part.alternatives(rule.match).map((match) => part.followLinks(match, links));
  return twins.flatMap((twin) => {
    if (twin === undefined) return [];
    if (rule.class !== 'process' || rule.action === 'Allow') return [twin];
    // Blocking nc where it is busybox must not take the shell away.
    if (twin.kind !== 'exact' || rule.match.kind !== 'exact' || !shared.has(twin.path)) return [twin];
    return [{ kind: 'name', name: posix.basename(rule.match.path), of: twin.path }];
  });
}

/** Adds the second names within one rule. */
function withLinks(rule: Rule, links: LinkedDirectories, shared: ReadonlySet<string>): Rule {
  const { match } = rule;
  const followed = match.kind === 'preset' ? { ...rule, match: withLinkedExceptions(match, links) } : rule;
  return withLinkedSources(followed, links, shared);
}

/** A source that several names lead to is left out: the rule would hold for all of those programs. */
function withLinkedSources(rule: Rule, links: LinkedDirectories, shared: ReadonlySet<string>): Rule {
  const linked = rule.sources
    .map((source) => throughLink(source, links))
    .filter((source) => source !== undefined && !shared.has(source) && !rule.sources.includes(source)) as string[];
  return linked.length === 0 ? rule : { ...rule, sources: [...rule.sources, ...linked] };
}
