import type { PolicyInput } from '../../control/policy-plan.js';
import { invalidInput } from '../../failure.js';
import { PolicyOrigin } from '../../generated/hauberk/v1/policy.js';
import { CLIENT_ORIGINS, type ClientOrigin, givenBy } from '../../policy/model.js';
import { CLIENT_ORIGIN_CHOICE, POLICY_ORIGIN_NAMES } from '../names.js';

/**
 * The origin of the policies of a request: the one it names, by default that of controllers. * @throws Failure
 * invalid-argument naming the field, also for origins of Kubernetes
 */
export function clientOriginOf(origin: PolicyOrigin | undefined, field = 'origin'): ClientOrigin {
  const named = POLICY_ORIGIN_NAMES.get(origin || PolicyOrigin.RPC);
  const found = CLIENT_ORIGINS.find((each) => each === named);
  if (found === undefined) throw invalidInput([{ field, description: `must be ${CLIENT_ORIGIN_CHOICE}` }]);
  return found;
}

/** Policies as they were read, with that origin. */
export function inputsGivenBy(origin: ClientOrigin, inputs: readonly PolicyInput[]): readonly PolicyInput[] {
  if (origin === 'rpc') return inputs;
  return inputs.map((input) => ({ ...input, policy: givenBy(origin, input.policy) }));
}
