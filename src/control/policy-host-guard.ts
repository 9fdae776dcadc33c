import type { Container } from '../containers/container.js';
import type { Change } from './change.js';
import type { DesiredState } from './desired-state.js';
import { type HostNeeds, requireUnharmed } from './host-guard.js';
import type { Ledger } from './ledger.js';
import type { PolicyChange, PolicyInput } from './policy-plan.js';

type FindHostNeeds = () => HostNeeds | Promise<HostNeeds>;

/** @throws Failure failed-precondition when policies for the host would stop what the host cannot do without */
export async function guardHost(
  ledger: Pick<Ledger, 'enforcement'>,
  findHostNeeds: FindHostNeeds,
  inputs: readonly PolicyInput[],
  { next }: Change<PolicyChange[]>,
): Promise<void> {
  const { host } = ledger.enforcement;
  if (host === undefined || next === undefined || !inputs.some(({ policy }) => policy.scope === 'host')) return;
  await checkHost(ledger, findHostNeeds, host, next.desired);
}

/** The same for the policies that would reach the host in a state, in which it may have other labels. */
export async function checkHost(
  { enforcement }: Pick<Ledger, 'enforcement'>,
  findHostNeeds: FindHostNeeds,
  host: Container,
  desired: DesiredState,
): Promise<void> {
  const { rules } = await enforcement.rules.ruleSetInTimeSlices(host, desired);
  await requireUnharmed(rules, enforcement.rules.posturesFor(host.namespace, desired), findHostNeeds);
}
