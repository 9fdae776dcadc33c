import type { PolicyInput } from '../../control/policy-plan.js';
import { invalidInput } from '../../failure.js';
import { PolicyOrigin } from '../../generated/hauberk/v1/policy.js';
import { CLIENT_ORIGINS, type ClientOrigin, givenBy } from '../../policy/model.js';
import { CLIENT_ORIGIN_CHOICE, POLICY_ORIGIN_NAMES } from '../names.js';

/**
 * Who gives the policies of a request: whoever it names, and a client that names nobody is a controller.
 *
 * @throws Failure invalid-argument naming the field, for those of Kubernetes too
 */
export function clientOriginOf(origin: PolicyOrigin | undefined, field = 'origin'): ClientOrigin {
  const named = POLICY_ORIGIN_NAMES.get(origin || PolicyOrigin.RPC);
  const found = CLIENT_ORIGINS.find((each) => each === named);
  if (found === undefined) throw invalidInput([{ field, description: `must be ${CLIENT_ORIGIN_CHOICE}` }]);
  return found;
}

/** Policies as they were read, given by that origin. */
export function inputsGivenBy(origin: ClientOrigin, inputs: readonly PolicyInput[]): readonly PolicyInput[] {
  if (origin === 'rpc') return inputs;
  return inputs.map((input) => ({ ...input, policy: givenBy(origin, input.policy) }));
}
