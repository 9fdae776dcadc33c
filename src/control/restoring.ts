import { policyKey } from '../policy/model.js';
import type { PolicySet } from '../policy/policy-set.js';
import type { StoredPolicy } from '../store/stored-state.js';
import { inTimeSlices } from '../time-slices.js';
import type { Change } from './change.js';
import type { DesiredState } from './desired-state.js';
import type { PolicyChange } from './policy-plan.js';

/**
 * The change that replaces all policies, postures and visibility settings. All of them are written, since a damaged
 * store is begun again by it, and all that the kernel holds is brought into agreement; what it holds for containers
 * that nobody has reported stays while they live.
 *
 * @param change the one that makes the policies those wanted
 */
export function restoringChange(
  change: Change<PolicyChange[]>,
  current: DesiredState,
  wanted: PolicySet,
  { postures, visibility }: Pick<DesiredState, 'postures' | 'visibility'>,
): Change<PolicyChange[]> {
  const check = change.next?.check;
  return {
    next: {
      desired: { ...current, policies: wanted, postures, visibility },
      affected: () => true,
      isWhole: true,
      ...(check !== undefined && { check }),
    },
    make: async (making) => {
      const made = change.next === undefined ? { desired: current, result: change.result } : await change.make(making);
      const versions = new Map(made.desired.versions);
      const stored: StoredPolicy[] = [];
      for await (const policy of inTimeSlices(wanted.list())) {
        const version = versions.get(policyKey(policy)) ?? making.revision;
        versions.set(policyKey(policy), version);
        stored.push({ policy, version });
      }
      const cleared = [...current.postures.keys()].filter((key) => !postures.has(key));
      return {
        desired: { ...made.desired, policies: wanted, versions, postures, visibility },
        stored: {
          isAnew: true,
          putPolicies: stored,
          deletePolicies: current.policies
            .list()
            .map(policyKey)
            .filter((key) => wanted.get(key) === undefined),
          putPostures: [
            ...cleared.map((key) => ({ namespace: key, postures: {} })),
            ...Array.from(postures, ([key, each]) => ({ namespace: key, postures: each })),
          ],
          putVisibility: [...visibility.values()],
          deleteVisibility: [...current.visibility.keys()].filter((key) => !visibility.has(key)),
        },
        result: made.result,
      };
    },
  };
}
