import type { PolicyChange, PolicyInput } from '../control/policy-plan.js';
import type { PolicyRegistry } from '../control/policy-registry.js';
import { isAboutReach } from '../control/unreached.js';
import { originOf, policyKey } from '../policy/model.js';
import type { ClusterOrigin } from './policy-kinds.js';
import { keyOfNamed, type ReadObject, type Refusal, refusalOf } from './policy-objects.js';

/** The outcome for a policy of the cluster. */
export interface Verdict {
  readonly read: ReadObject;
  /** Why it is not accepted as it is written; undefined when it is. */
  readonly refusal: Refusal | undefined;
  /**
   * Only warnings that are the same on all nodes: which containers a policy reaches is determined from all reports
   * together.
   */
  readonly warnings: readonly string[];
}

/** Inputs that were refused a short time ago, and why: they are not tried again at every change of others. */
export type RecentRefusals = Map<PolicyInput, Refusal>;

export type Registry = Pick<PolicyRegistry, 'sync' | 'apply' | 'delete' | 'list' | 'get'>;

/**
 * Replaces the policies of an origin with those of the cluster. One that is not accepted does not hold up the others;
 * where it was accepted in an earlier form, that form stays in force.
 *
 * @returns the outcome for each @throws Failure if nothing could be done: the state cannot be written, or the kernel
 * does not take it
 */
export async function bringPolicies(
  registry: Registry,
  origin: ClusterOrigin,
  objects: readonly ReadObject[],
  recent: RecentRefusals = new Map(),
): Promise<Verdict[]> {
  const refused = new Map<string, Refusal>();
  for (const read of objects) {
    const refusal = read.refusal ?? (read.input && recent.get(read.input));
    if (refusal !== undefined) refused.set(keyOfNamed(read), refusal);
  }
  const kept = objects.flatMap((read) => {
    const policy = refused.has(keyOfNamed(read)) ? registry.get(read.named) : undefined;
    return policy === undefined ? [] : [{ policy, warnings: [] }];
  });
  const inputs = objects.flatMap((read) =>
    read.input === undefined || refused.has(keyOfNamed(read)) ? [] : [read.input],
  );
  const changes = await bring(registry, origin, inputs, kept, refused);
  for (const input of inputs) {
    const refusal = refused.get(policyKey(input.policy));
    if (refusal !== undefined) recent.set(input, refusal);
  }
  return objects.map((read) => {
    const key = keyOfNamed(read);
    const warnings = changes.get(key)?.warnings ?? [];
    return { read, refusal: refused.get(key), warnings: warnings.filter((warning) => !isAboutReach(warning)) };
  });
}

async function bring(
  registry: Registry,
  origin: ClusterOrigin,
  inputs: readonly PolicyInput[],
  kept: readonly PolicyInput[],
  refused: Map<string, Refusal>,
): Promise<Map<string, PolicyChange>> {
  try {
    const { result } = await registry.sync([...inputs, ...kept], 0, false, origin);
    return byKey(result);
  } catch (thrown) {
    // Trying each alone shows which of them it is about.
    refusalOf(thrown);
  }
  const wanted = new Set([...inputs, ...kept].map(({ policy }) => policyKey(policy)));
  for (const policy of registry.list()) {
    if (originOf(policy) === origin && !wanted.has(policyKey(policy))) await registry.delete(policy, 0);
  }
  const changes: PolicyChange[] = [];
  for (const input of inputs) {
    try {
      changes.push(...(await registry.apply([input])).result);
    } catch (thrown) {
      refused.set(policyKey(input.policy), refusalOf(thrown));
    }
  }
  return byKey(changes);
}

function byKey(changes: readonly PolicyChange[]): Map<string, PolicyChange> {
  return new Map(changes.map((change) => [policyKey(change.policy), change]));
}
