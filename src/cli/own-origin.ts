import { PolicyOrigin } from '../client/messages.js';
import { givenBy, type Policy, type PolicyName } from '../policy/model.js';

/** The origin of the policies that this program applies. */
export const OWN_ORIGIN = PolicyOrigin.CLI;

/** A policy, or its name, as this program's. */
export function asOwn<Named extends Policy | PolicyName>(named: Named): Named {
  return givenBy('cli', named);
}
