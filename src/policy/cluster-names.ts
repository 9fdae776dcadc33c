import { BELOW, DOMAIN_BYTES_MAX } from './domain.js';
import type { BoundRule } from './model.js';

/** How names are looked up in containers. */
export interface NameSearch {
  /** The domain of the cluster, for example `cluster.local`; left out where names have no suffixes of a cluster. */
  readonly clusterDomain?: string | undefined;
  /** What resolvers append besides, for example `eu-west-1.compute.internal`. */
  readonly searchDomains?: readonly string[];
}

/** The domains that resolvers in a namespace append to a name. */
export function searchSuffixes(namespace: string, { clusterDomain, searchDomains = [] }: NameSearch): string[] {
  if (clusterDomain === undefined) return [...searchDomains];
  const ofNamespace = namespace === '' ? [] : [`${namespace}.svc.${clusterDomain}`];
  return [...ofNamespace, `svc.${clusterDomain}`, clusterDomain, ...searchDomains];
}

/**
 * Adds to each rule that names a host copies for the names below the suffixes that a pod's resolver tries first: it
 * asks for `example.com.shop.svc.cluster.local` before `example.com`, and gives up where one of these is refused. So it
 * does for names of the cluster itself: `db.shop.svc.cluster.local` has four dots, and pods have `ndots:5`.
 */
export function belowSuffixes(rules: readonly BoundRule[], suffixes: readonly string[]): readonly BoundRule[] {
  if (suffixes.length === 0) return rules;
  return rules.flatMap((bound) => {
    const { policy, rule } = bound;
    if (rule.match.kind !== 'domain') return [bound];
    const { domain } = rule.match;
    const twins = suffixes
      .map((suffix) => `${domain}.${suffix}`)
      .filter((name) => name.length - (name.startsWith(BELOW) ? BELOW.length : 0) <= DOMAIN_BYTES_MAX);
    return [
      bound,
      ...twins.map((twin) => ({
        policy,
        rule: { ...rule, match: { kind: 'domain' as const, domain: twin, searched: true as const } },
      })),
    ];
  });
}
