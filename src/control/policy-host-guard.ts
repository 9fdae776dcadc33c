import { isDeepStrictEqual } from 'node:util';
import type { Container } from '../containers/container.js';
import { finishInTimeSlices } from '../time-slices.js';
import type { Change } from './change.js';
import type { DesiredState } from './desired-state.js';
import { isHost } from './host.js';
import { type HostFiles, withLinksOfHost } from './host-files.js';
import { requireUnharmed } from './host-guard.js';
import type { HostSubject } from './host-subject.js';
import type { PolicyChange, PolicyInput } from './policy-plan.js';
import { posturesFor, type ResolutionSettings, ruleSetInSteps } from './resolution.js';

/**
 * A change as it is for the host, too: what its policies name is followed over the links that are there now. Where all
 * policies are as asked already, links that have changed are a change.
 *
 * @throws Failure failed-precondition, unless forced, when policies for the host would stop what it cannot do without
 */
export async function changeWithHost(
  settings: ResolutionSettings,
  subject: Pick<HostSubject, 'current' | 'linked'>,
  files: HostFiles,
  inputs: readonly PolicyInput[],
  current: DesiredState,
  change: Change<PolicyChange[]>,
  force: boolean,
): Promise<{ readonly change: Change<PolicyChange[]>; readonly host: Container | undefined }> {
  const host = subject.current;
  if (host === undefined || !inputs.some(({ policy }) => policy.scope === 'host')) return { change, host };
  const { desired } = change.next ?? { desired: current };
  const linked = withLinksOfHost(host, desired.policies, subject, files);
  if (change.next === undefined && isDeepStrictEqual(linked, host)) return { change, host };
  if (!force) await checkHost(settings, files, linked, desired);
  if (change.next !== undefined) return { change, host: linked };
  const { result } = change;
  return {
    change: { next: { desired, affected: isHost }, make: () => ({ desired, stored: {}, result }) },
    host: linked,
  };
}

/** @throws Failure failed-precondition when what a host comes under in a state would stop what it cannot do without */
export async function checkHost(
  settings: ResolutionSettings,
  files: Pick<HostFiles, 'needs'>,
  host: Container,
  desired: DesiredState,
): Promise<void> {
  const { rules } = await finishInTimeSlices(ruleSetInSteps(host, desired, settings));
  await requireUnharmed(rules, posturesFor(host.namespace, desired, settings), () => files.needs());
}
