import {
  type GetPolicyResponse,
  type HauberkClient,
  HauberkError,
  type PolicyOrigin,
  type Scope,
} from '../client/messages.js';
import { POLICY_ORIGINS } from '../rpc/names.js';
import { CommandFailure, EXIT, exitStatusOf } from './exit-status.js';
import { originText } from './views.js';

/** A policy's name without its origin. */
interface Named {
  readonly name: string;
  readonly namespace: string;
  readonly scope: Scope;
}

/** The only policy of the name. @throws CommandFailure if several of the origins have one */
export async function onlyOneOf(
  client: HauberkClient,
  named: Named,
  origins: readonly PolicyOrigin[],
): Promise<GetPolicyResponse> {
  const found = await givenBy(client, named, origins);
  const [first] = found;
  // Lets the daemon report it.
  if (first === undefined) return client.policies.getPolicy({ ...named, origin: origins[0] });
  if (found.length === 1) return first;
  const given = found.map(({ policy }) => originText(policy!.origin)).join(', ');
  throw new CommandFailure(
    EXIT.usage,
    `policies of several origins are named ${named.name}: choose one with --origin (${given})`,
  );
}

/**
 * Deletes a policy. @param isNamed whether its origin was given; otherwise a failure names the other origins that have
 * one
 */
export async function deleteOf(
  client: HauberkClient,
  named: Named & { readonly origin: PolicyOrigin },
  isNamed: boolean,
): Promise<void> {
  try {
    await client.policies.deletePolicy(named);
  } catch (error) {
    if (isNamed || !isAbsent(error)) throw error;
    const found = await givenBy(client, named, Object.values(POLICY_ORIGINS));
    if (found.length === 0) throw error;
    const given = found.map(({ policy }) => originText(policy!.origin));
    const advice = `it comes from ${given.join(' and ')}: --origin ${given[0]} deletes it`;
    throw new CommandFailure(
      exitStatusOf(error),
      `no policy ${named.name} was applied from the command line; ${advice}`,
    );
  }
}

async function givenBy(
  client: HauberkClient,
  named: Named,
  origins: readonly PolicyOrigin[],
): Promise<GetPolicyResponse[]> {
  const answers = origins.map((origin) =>
    client.policies.getPolicy({ ...named, origin }).catch((error: unknown) => {
      if (isAbsent(error)) return undefined;
      throw error;
    }),
  );
  return (await Promise.all(answers)).filter((answer) => answer !== undefined);
}

function isAbsent(error: unknown): error is HauberkError {
  return error instanceof HauberkError && error.code === 'NOT_FOUND';
}
