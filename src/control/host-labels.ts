import { isDeepStrictEqual } from 'node:util';
import type { Container } from '../containers/container.js';
import type { DesiredState } from './desired-state.js';
import { isHost } from './host.js';
import type { HostSubject } from './host-subject.js';
import type { Ledger, Outcome } from './ledger.js';

/**
 * Replaces the labels that others give the host; they take precedence over its own.
 *
 * @param check throws if the host must not come under the policies that these labels select
 * @throws Failure and then the host has the labels that it had
 */
export async function changeHostLabels(
  ledger: Pick<Ledger, 'change'>,
  subject: HostSubject,
  labels: Readonly<Record<string, string>>,
  check: (labelled: Container, desired: DesiredState) => Promise<void>,
): Promise<Outcome<void>> {
  let before: Container | undefined;
  try {
    return await ledger.change(async (desired) => {
      const host = subject.current;
      const labelled = subject.labelled(labels);
      if (host === undefined || labelled === undefined) return { next: undefined, result: undefined };
      if (isDeepStrictEqual(host.labels, labelled.labels)) return { next: undefined, result: undefined };
      const { policies } = desired;
      if (policies.keysReaching(labelled) !== policies.keysReaching(host)) await check(labelled, desired);
      before = host;
      subject.replace(labelled);
      const make = () => ({ desired, stored: { hostLabels: labels }, result: undefined });
      return { next: { desired, affected: isHost }, make };
    });
  } catch (error) {
    // Otherwise the next attempt would find nothing to do.
    if (before !== undefined) subject.replace(before);
    throw error;
  }
}
