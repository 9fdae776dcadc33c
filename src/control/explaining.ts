import type { Container } from '../containers/container.js';
import type { Access } from '../explain/access.js';
import { type Explanation, explainInSteps } from '../explain/evaluate.js';
import { Failure } from '../failure.js';
import { finishInTimeSlices } from '../time-slices.js';
import type { Ledger } from './ledger.js';
import { explainProgramUse } from './program-uses.js';
import { explainRenaming, isRenaming } from './renaming.js';

/** A container by its id, or one that only its namespace and labels tell. */
export type ExplainedSubject = string | Pick<Container, 'namespace' | 'labels'>;

/** What would be decided of an access by a container. @throws Failure not-found when there is no such container */
export async function explainAccess(ledger: Ledger, subject: ExplainedSubject, access: Access): Promise<Explanation> {
  const { enforcement, desired } = ledger;
  const known = typeof subject === 'string' ? containerOf(ledger, subject) : { ...subject, links: {} };
  const ruleSet =
    ('id' in known ? enforcement.kindOf(known.id)?.ruleSet : undefined) ??
    (await enforcement.rules.ruleSetInTimeSlices(known, desired));
  const postures = enforcement.rules.posturesFor(known.namespace, desired);
  const explanation = isRenaming(access)
    ? await explainRenaming(ruleSet, postures, access)
    : await finishInTimeSlices(explainInSteps(ruleSet.rules, postures, access));
  if (explanation.action === 'Block') return explanation;
  return (await explainProgramUse(ruleSet.rules, postures, access)) ?? explanation;
}

function containerOf({ enforcement: { host }, desired }: Ledger, id: string): Container {
  const container = id === host?.id ? host : desired.containers.get(id);
  if (container === undefined) throw new Failure('not-found', `no container ${id}`);
  return container;
}
