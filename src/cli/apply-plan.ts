import { type HauberkClient, HauberkError, type PolicyChange, PolicyChange_Kind } from '../client/messages.js';
import { policyKey } from '../policy/model.js';
import { CommandFailure, EXIT } from './exit-status.js';
import { asOwn, OWN_ORIGIN } from './own-origin.js';
import { keyOf } from './policy-key.js';
import { waitingFor } from './waiting.js';

export interface PlanOptions {
  readonly force: boolean;
  /** Whether policies that the manifest does not hold are deleted. */
  readonly prune: boolean;
  /** Whether objects of other kinds are skipped. */
  readonly ignoreForeign: boolean;
}

/** The changes of policies, as far as they fit into an answer. */
export interface Changes {
  readonly changes: readonly PolicyChange[];
  /** How many more there are. */
  readonly omittedChanges: bigint;
}

/** What applying a manifest would do, and to what state of the daemon. */
export interface Plan extends PlanOptions, Changes {
  /** The daemon's when it was asked. */
  readonly revision: bigint;
  /** How many objects are skipped; left out if none. */
  readonly ignored?: number | undefined;
}

export async function planOf(client: HauberkClient, manifest: string, options: PlanOptions): Promise<Plan> {
  const { force, prune, ignoreForeign } = options;
  // Asked for first: what changes after that is noticed.
  const { revision } = prune ? await client.host.getStatus() : { revision: 0n };
  const source = { $case: 'manifest', value: manifest } as const;
  const request = { source, force, ignoreForeign, origin: OWN_ORIGIN };
  const validated = await waitingFor('checking', client.policies.validatePolicy(request));
  const { ignored } = validated;
  const deleted = prune ? await othersThan(await keysIn(manifest, validated, ignoreForeign), client) : [];
  if (deleted.length === 0) return { ...options, ...validated, revision };
  const { changes, omittedChanges } = await waitingFor('comparing', client.policies.diff({ ...request, deleted }));
  return { ...options, changes, omittedChanges, revision, ignored };
}

async function keysIn(
  manifest: string,
  { changes, omittedChanges }: Changes,
  ignoreForeign: boolean,
): Promise<ReadonlySet<string>> {
  if (omittedChanges === 0n) return new Set(changes.map(keyOf));
  const { readManifest } = await import('../policy/manifest.js');
  return new Set(readManifest(manifest, { ignoreForeign }).map(({ policy }) => policyKey(asOwn(policy))));
}

async function othersThan(kept: ReadonlySet<string>, client: HauberkClient) {
  const { policies } = await client.policies.listPolicies({ origin: OWN_ORIGIN });
  return policies
    .filter((policy) => !kept.has(keyOf(policy)))
    .map(({ namespace, name, scope }) => ({ namespace, name, scope, origin: OWN_ORIGIN }));
}

/**
 * Carries a plan out, if the policies are still those that it was made for.
 *
 * @throws CommandFailure when they are not; nothing has changed then
 */
export async function applyPlan(client: HauberkClient, manifest: string, plan: Plan): Promise<Changes> {
  const { changes: planned, revision, force, prune, ignoreForeign } = plan;
  try {
    if (!prune) {
      // Versions are not checked if the daemon does not report any.
      const reported = planned.filter(
        (change) => change.kind === PolicyChange_Kind.CREATED || change.previousVersion > 0n,
      );
      const expectedVersions = Object.fromEntries(reported.map((change) => [keyOf(change), change.previousVersion]));
      const source = { $case: 'manifest', value: manifest } as const;
      const request = client.policies.applyPolicy({
        source,
        force,
        ignoreForeign,
        expectedVersions,
        origin: OWN_ORIGIN,
      });
      return await waitingFor('applying', request);
    }
    const sync = client.policies.syncPolicies({
      manifest,
      force,
      ignoreForeign,
      expectedRevision: revision,
      origin: OWN_ORIGIN,
    });
    const { changes, omittedChanges } = await waitingFor('applying', sync);
    return { changes: withNotesOf(planned, changes), omittedChanges };
  } catch (error) {
    if (!(error instanceof HauberkError) || error.code !== 'ABORTED') throw error;
    throw new CommandFailure(EXIT.refused, `${error.message}: it has changed since the plan was made; try again`);
  }
}

/** Warnings about the rules of a policy are only in the plan. */
function withNotesOf(planned: readonly PolicyChange[], changes: readonly PolicyChange[]): PolicyChange[] {
  const noted = new Map(planned.map((change) => [keyOf(change), change]));
  return changes
    .map((change) => ({
      ...change,
      warnings: noted.get(keyOf(change))?.warnings ?? change.warnings,
      conflicts: noted.get(keyOf(change))?.conflicts ?? change.conflicts,
    }))
    .sort((a, b) => Number(a.kind === PolicyChange_Kind.DELETED) - Number(b.kind === PolicyChange_Kind.DELETED));
}
