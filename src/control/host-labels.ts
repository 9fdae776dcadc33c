import { isDeepStrictEqual } from 'node:util';
import type { Container } from '../containers/container.js';
import type { DesiredState } from './desired-state.js';
import { isHost } from './host.js';
import type { Ledger, Outcome } from './ledger.js';

/**
 * Replaces the labels that others give the host; they take precedence over its own.
 *
 * @param check throws if the host must not come under the policies that these labels select
 * @throws Failure and then the host has the labels that it had
 */
export async function changeHostLabels(
  ledger: Pick<Ledger, 'change' | 'enforcement'>,
  labels: Readonly<Record<string, string>>,
  check: (labelled: Container, desired: DesiredState) => Promise<void>,
): Promise<Outcome<void>> {
  const { enforcement } = ledger;
  let before: Container | undefined;
  try {
    return await ledger.change(async (desired) => {
      const { host } = enforcement;
      const labelled = enforcement.hostLabelled(labels);
      if (host === undefined || labelled === undefined) return { next: undefined, result: undefined };
      if (isDeepStrictEqual(host.labels, labelled.labels)) return { next: undefined, result: undefined };
      const { policies } = desired;
      if (policies.keysReaching(labelled) !== policies.keysReaching(host)) await check(labelled, desired);
      before = host;
      enforcement.replaceHost(labelled);
      const make = () => ({ desired, stored: { hostLabels: labels }, result: undefined });
      return { next: { desired, affected: isHost }, make };
    });
  } catch (error) {
    // Otherwise the next attempt would find nothing to do.
    if (before !== undefined) enforcement.replaceHost(before);
    throw error;
  }
}
