import type { PolicyChange } from '../client/index.js';
import { policyKey } from '../policy/model.js';
import { SCOPE_NAMES } from '../rpc/names.js';

/** How a policy is named to people. */
export function keyOf({ namespace, name, scope }: Pick<PolicyChange, 'namespace' | 'name' | 'scope'>): string {
  return policyKey({ namespace, name, scope: SCOPE_NAMES.get(scope) ?? 'namespace' });
}
