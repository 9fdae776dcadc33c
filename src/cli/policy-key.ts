import { type PolicyChange, PolicyOrigin } from '../client/messages.js';
import { policyKey } from '../policy/model.js';
import { POLICY_ORIGIN_NAMES, SCOPE_NAMES } from '../rpc/names.js';

type NamedPolicy = Pick<PolicyChange, 'namespace' | 'name' | 'scope'> & { readonly origin?: PolicyOrigin | undefined };

/** The name of a policy for people. */
export function keyOf({ namespace, name, scope, origin }: NamedPolicy): string {
  const given = POLICY_ORIGIN_NAMES.get(origin || PolicyOrigin.RPC) ?? 'rpc';
  return policyKey({
    namespace,
    name,
    scope: SCOPE_NAMES.get(scope) ?? 'namespace',
    ...(given !== 'rpc' && { origin: given }),
  });
}
