import { BELOW, DOMAIN_BYTES_MAX } from './domain.js';
import type { BoundRule } from './model.js';

/**
 * Adds to each rule that names a host copies for the names below the suffixes that a pod's resolver tries first: it
 * asks for `example.com.shop.svc.cluster.local` before `example.com`, and gives up where one of these is refused. So it
 * does for names of the cluster itself: `db.shop.svc.cluster.local` has four dots, and pods have `ndots:5`.
 *
 * @param namespace of the container
 * @param clusterDomain for example `cluster.local`; undefined adds nothing
 */
export function belowClusterSuffixes(
  rules: readonly BoundRule[],
  namespace: string,
  clusterDomain: string | undefined,
): readonly BoundRule[] {
  if (clusterDomain === undefined) return rules;
  const inCluster = [`svc.${clusterDomain}`, clusterDomain];
  const suffixes = namespace === '' ? inCluster : [`${namespace}.svc.${clusterDomain}`, ...inCluster];
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
