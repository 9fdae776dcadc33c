import type { PolicyInput } from '../../control/policy-plan.js';
import type { ReadManifest } from '../../control/policy-reading.js';
import { Failure } from '../../failure.js';
import type {
  ApplyPolicyRequest,
  Policy as PolicyMessage,
  SyncPoliciesRequest,
} from '../../generated/hauberk/v1/policy.js';
import { convertPolicy } from '../policy-message.js';
import { MUST_NOT_BE_EMPTY, RequestChecks } from '../request-checks.js';
import { clientOriginOf, inputsGivenBy } from './client-origin.js';
import { checkSelectors } from './selector-budget.js';

/** How policies are read, wherever that is done. @throws Failure with every problem */
export interface PolicyReading {
  /** @param ignoreForeign whether other kinds of Kubernetes objects are skipped */
  readObjects(text: string, ignoreForeign: boolean): ReadManifest;
  /** @param document a plain object of a manifest's shape */
  readDocument(document: unknown): PolicyInput;
}

/**
 * The policies of a request that has one source.
 *
 * @throws Failure invalid-argument that names the request's fields; resource-exhausted for costly selectors
 */
export function readSource(
  { source, ignoreForeign = false, origin }: Pick<ApplyPolicyRequest, 'source' | 'ignoreForeign' | 'origin'>,
  reading: PolicyReading,
): ReadManifest {
  const given = clientOriginOf(origin);
  const checks = new RequestChecks();
  checks.require(source !== undefined, 'source', 'one of manifest and policy must be set');
  checks.require(source?.$case !== 'manifest' || source.value !== '', 'manifest', MUST_NOT_BE_EMPTY);
  checks.done();
  const read =
    source!.$case === 'manifest'
      ? reading.readObjects(source!.value, ignoreForeign)
      : { inputs: [readMessage(source!.value, 'policy', reading)], foreign: [] };
  checkSelectors(read.inputs);
  return { ...read, inputs: inputsGivenBy(given, read.inputs) };
}

type AllPolicies = Pick<SyncPoliciesRequest, 'manifest' | 'policies' | 'ignoreForeign' | 'origin'>;

/**
 * The policies of a request that has them in two fields.
 *
 * @throws Failure invalid-argument that names the request's fields; resource-exhausted for costly selectors
 */
export function readAll(
  { manifest, policies, ignoreForeign = false, origin }: AllPolicies,
  reading: PolicyReading,
): ReadManifest {
  const given = clientOriginOf(origin);
  const ofText = /\S/u.test(manifest) ? reading.readObjects(manifest, ignoreForeign) : undefined;
  const messages = policies.map((message, index) => readMessage(message, `policies[${index}]`, reading));
  const inputs = [...(ofText?.inputs ?? []), ...messages];
  checkSelectors(inputs);
  return { inputs: inputsGivenBy(given, inputs), foreign: ofText?.foreign ?? [] };
}

/** @throws Failure invalid-argument naming fields of the message */
function readMessage(message: PolicyMessage, field: string, reading: PolicyReading): PolicyInput {
  const { document, translate } = convertPolicy(message, field);
  try {
    return reading.readDocument(document);
  } catch (thrown) {
    throw translate(thrown);
  }
}

/** An error about the policies of a source, in terms of the request's fields. */
export function translateForSource(source: ApplyPolicyRequest['source'], thrown: unknown): unknown {
  if (source?.$case !== 'policy' || !(thrown instanceof Failure)) return thrown;
  return convertPolicy(source.value, 'policy').translate(thrown);
}
