import type { PolicyInput } from '../../control/policy-plan.js';
import { Failure, invalidInput } from '../../failure.js';
import { PolicyOrigin } from '../../generated/hauberk/v1/policy.js';
import type { RestoreRequest } from '../../generated/hauberk/v1/state.js';
import type { Visibility } from '../../generated/hauberk/v1/telemetry.js';
import { type Postures, policyKey } from '../../policy/model.js';
import { type VisibilitySetting, visibilityKey } from '../../policy/visibility.js';
import { toPostures } from '../posture-message.js';
import { RequestChecks } from '../request-checks.js';
import { toVisibility } from '../visibility-message.js';
import { clientOriginOf, inputsGivenBy } from './client-origin.js';
import { checkSelectors } from './selector-budget.js';

/** The whole state that a daemon is to have. */
export interface WantedState {
  readonly inputs: readonly PolicyInput[];
  readonly postures: readonly (readonly [namespace: string, postures: Partial<Postures>])[];
  /** Undefined: the settings of clients stay. */
  readonly visibility: readonly VisibilitySetting[] | undefined;
}

/**
 * The state that a request restores.
 *
 * @param readManifest must accept expired policies: they are no reason to refuse the rest
 * @throws Failure invalid-argument that names the request's fields; resource-exhausted for costly selectors
 */
export function readState(
  {
    manifests,
    postures,
    origins,
    visibility,
  }: Pick<RestoreRequest, 'manifests' | 'postures' | 'origins' | 'visibility'>,
  readManifest: (text: string) => readonly PolicyInput[],
): WantedState {
  checkCount(origins.length, manifests.length);
  const givers = manifests.map((_, index) => clientOriginOf(origins[index], `origins[${index}]`));
  const inputs = manifests.map((text, index) =>
    inputsGivenBy(
      givers[index]!,
      within(`manifests[${index}].`, () => readManifest(text)),
    ),
  );
  const wanted = postures.map((each, index) =>
    within(`postures[${index}].`, () => toPostures(each.namespace, each.postures)),
  );
  checkGivenOnce(
    'manifests',
    inputs.map((each) => each.map(({ policy }) => `policy ${policyKey(policy)}`)),
  );
  checkGivenOnce(
    'postures',
    wanted.map(([namespace]) => [`namespace ${namespace}`]),
  );
  const settings = visibility?.settings.map((each, index) =>
    within(`visibility.settings[${index}].`, () => toSetting(each)),
  );
  checkGivenOnce(
    'visibility.settings',
    (settings ?? []).map((each) => [`what is visible of ${visibilityKey(each).replace(/^rpc /u, '').trim()}`]),
  );
  checkSelectors(inputs.flat());
  return { inputs: inputs.flat(), postures: wanted, visibility: settings };
}

/** @throws Failure that covers the setting's fields */
function toSetting({ namespace, matchLabels, classes, origin }: Visibility): VisibilitySetting {
  const isOfClient = origin === PolicyOrigin.RPC || origin === PolicyOrigin.UNSPECIFIED;
  if (!isOfClient) throw invalidInput([{ field: 'origin', description: 'must be POLICY_ORIGIN_RPC, or not set' }]);
  return { namespace, matchLabels, classes: toVisibility({ namespace, matchLabels, classes }), origin: 'rpc' };
}

function checkCount(origins: number, manifests: number): void {
  if (origins === 0 || origins === manifests) return;
  throw invalidInput([
    { field: 'origins', description: `must have one for each of the ${manifests} manifests, or none` },
  ]);
}

/** Adds to problems the part of a request that they are in. */
function within<Result>(prefix: string, task: () => Result): Result {
  try {
    return task();
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.problems.length === 0) throw thrown;
    throw invalidInput(thrown.problems.map((problem) => ({ ...problem, field: prefix + problem.field })));
  }
}

function checkGivenOnce(field: string, named: readonly (readonly string[])[]): void {
  const seen = new Set<string>();
  const checks = new RequestChecks();
  for (const [index, names] of named.entries()) {
    for (const name of names) {
      checks.require(!seen.has(name), `${field}[${index}]`, `${name} is given twice`);
      seen.add(name);
    }
  }
  checks.done();
}
