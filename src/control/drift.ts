import type { Container, ContainerRoot } from '../containers/container.js';
import { Failure } from '../failure.js';
import type { Policy, Rule } from '../policy/model.js';
import { policyKey } from '../policy/model.js';

/** At most this many containers are named. */
const NAMED_MAX = 5;
const NOT_LOOKED_AT = 'its root was not examined, register it again with a process';

export function isDrift({ match }: Rule): boolean {
  return match.kind === 'preset' && match.preset === 'drift';
}

/** Why it cannot be determined what the image of a container brought; undefined where it can. */
export function driftProblem({ root = { problem: NOT_LOOKED_AT } }: { readonly root?: ContainerRoot }) {
  return 'problem' in root ? root.problem : undefined;
}

/**
 * What is to be said of a policy with the preset drift: in these containers it treats everything that is executed as
 * not brought by their images.
 *
 * @returns warnings; none for a policy without the preset
 * @throws Failure failed-precondition where it would keep containers that run from executing anything
 */
export function checkDrift(
  policy: Policy,
  containerIds: readonly string[],
  containers: ReadonlyMap<string, Container>,
): string[] {
  const rules = policy.rules.filter((rule) => isDrift(rule) && rule.action !== 'Allow');
  if (rules.length === 0) return [];
  const blind = containerIds.flatMap((id) => {
    const container = containers.get(id);
    const problem = container && driftProblem(container);
    return problem === undefined ? [] : [`container ${container!.name || id}: ${problem}`];
  });
  if (blind.length === 0) return [];
  const named = blind.slice(0, NAMED_MAX);
  if (blind.length > NAMED_MAX) named.push(`and ${blind.length - NAMED_MAX} more`);
  const refusing = policy.mode === 'audit' ? undefined : rules.find(({ action }) => action === 'Block');
  const untold = 'does not know what came with an image';
  if (refusing === undefined)
    return named.map(
      (each) => `${rules[0]!.id}: the preset drift reports everything that is executed, since it ${untold}: ${each}`,
    );
  const description = `the preset drift ${untold}, and would refuse everything that is executed: ${named.join('; ')}`;
  throw new Failure('failed-precondition', `policy ${policyKey(policy)}, ${refusing.id}: ${description}`, [
    { field: refusing.id, description },
  ]);
}
