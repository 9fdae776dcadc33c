import type { PolicyInput } from '../../control/policy-plan.js';
import { Failure } from '../../failure.js';
import type { ApplyPolicyRequest, Policy as PolicyMessage } from '../../generated/hauberk/v1/policy.js';
import { convertPolicy } from '../policy-message.js';
import { MUST_NOT_BE_EMPTY, RequestChecks } from '../request-checks.js';

/** How policies are read, wherever that is done. @throws Failure with every problem */
export interface PolicyReading {
  readManifest(text: string): PolicyInput[];
  /** @param document a plain object of a manifest's shape */
  readDocument(document: unknown): PolicyInput;
}

/**
 * The policies of a request that has one source.
 *
 * @throws Failure invalid-argument that speaks of the request's fields
 */
export function readSource(source: ApplyPolicyRequest['source'], reading: PolicyReading): PolicyInput[] {
  const checks = new RequestChecks();
  checks.require(source !== undefined, 'source', 'one of manifest and policy must be set');
  checks.require(source?.$case !== 'manifest' || source.value !== '', 'manifest', MUST_NOT_BE_EMPTY);
  checks.done();
  return source!.$case === 'manifest'
    ? reading.readManifest(source!.value)
    : [readMessage(source!.value, 'policy', reading)];
}

/** @throws Failure invalid-argument naming fields of the message */
export function readMessage(message: PolicyMessage, field: string, reading: PolicyReading): PolicyInput {
  const { document, translate } = convertPolicy(message, field);
  try {
    return reading.readDocument(document);
  } catch (thrown) {
    throw translate(thrown);
  }
}

/** What was thrown on account of the policies of a source, in words that speak of the request's fields. */
export function translateForSource(source: ApplyPolicyRequest['source'], thrown: unknown): unknown {
  if (source?.$case !== 'policy' || !(thrown instanceof Failure)) return thrown;
  return convertPolicy(source.value, 'policy').translate(thrown);
}
