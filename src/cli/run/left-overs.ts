import { type HauberkClient, HauberkError, Scope } from '../../client/messages.js';
import { OWN_ORIGIN } from '../own-origin.js';
import { RUN_LABEL } from './run-label.js';

/** Of a run: `run-` and eight hexadecimal digits. */
const RUN_ID = /^run-[0-9a-f]{8}$/u;

interface Kinds {
  readonly policies: boolean;
  readonly profiles: boolean;
}

/** Removes the policies and profiles of runs that were killed before they could do so. Those of running ones stay. */
export async function removeLeftOvers(client: HauberkClient, kinds: Kinds): Promise<void> {
  const policies = kinds.policies ? (await client.policies.listPolicies({ origin: OWN_ORIGIN })).policies : [];
  const profiles = kinds.profiles ? (await client.profiles.listProfiles()).profiles : [];
  const found = [
    // Policies of other origins may have the same label and name.
    ...policies.map(({ namespace, name, selector, scope, origin }) => ({
      run: origin === OWN_ORIGIN && scope === Scope.NAMESPACE ? selector?.matchLabels[RUN_LABEL] : undefined,
      remove: () => client.policies.deletePolicy({ namespace, name, origin: OWN_ORIGIN }),
    })),
    ...profiles.map(({ name, subject }) => ({
      run: subject?.$case === 'containerId' && subject.value === name ? name : undefined,
      remove: () => client.profiles.deleteProfile({ name }),
    })),
  ].filter(({ run }) => run !== undefined && RUN_ID.test(run));
  if (found.length === 0) return;
  // Queried last, since a run is registered before it has anything else.
  const { containers } = await client.containers.listContainers();
  const running = new Set(containers.map(({ id }) => id));
  for (const { run, remove } of found) if (!running.has(run!)) await ignoringNotFound(remove);
}

/** Something else may remove it meanwhile. */
export async function ignoringNotFound(remove: () => Promise<unknown>): Promise<void> {
  try {
    await remove();
  } catch (error) {
    if (!(error instanceof HauberkError) || error.code !== 'NOT_FOUND') throw error;
  }
}
