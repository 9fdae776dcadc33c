import type { Container } from '../containers/container.js';
import type { Access } from '../explain/access.js';
import { type Explanation, explainInSteps } from '../explain/evaluate.js';
import { Failure } from '../failure.js';
import { finishInTimeSlices } from '../time-slices.js';
import type { DesiredState } from './desired-state.js';
import type { InForce } from './in-force.js';
import { explainProgramUse } from './program-uses.js';
import { explainRenaming, isRenaming } from './renaming.js';
import { posturesFor, type ResolutionSettings, ruleSetInSteps } from './resolution.js';

/** A container by its id, or one that only its namespace and labels tell. */
export type ExplainedSubject = string | Pick<Container, 'namespace' | 'labels'>;

/** What would be decided of an access by a container. @throws Failure not-found when there is no such container */
export async function explainAccess(
  desired: DesiredState,
  settings: ResolutionSettings,
  inForce: Pick<InForce, 'host' | 'ruleSetInForce'>,
  subject: ExplainedSubject,
  access: Access,
): Promise<Explanation> {
  const known = typeof subject === 'string' ? containerOf(desired, inForce, subject) : { ...subject, links: {} };
  const ruleSet =
    ('id' in known ? inForce.ruleSetInForce(known.id) : undefined) ??
    (await finishInTimeSlices(ruleSetInSteps(known, desired, settings)));
  const postures = posturesFor(known.namespace, desired, settings);
  const explanation = isRenaming(access)
    ? await explainRenaming(ruleSet, postures, access)
    : await finishInTimeSlices(explainInSteps(ruleSet.rules, postures, access));
  if (explanation.action === 'Block') return explanation;
  return (await explainProgramUse(ruleSet.rules, postures, access)) ?? explanation;
}

function containerOf(desired: DesiredState, { host }: Pick<InForce, 'host'>, id: string): Container {
  const container = id === host?.id ? host : desired.containers.get(id);
  if (container === undefined) throw new Failure('not-found', `no container ${id}`);
  return container;
}
