import type { PolicyInput } from '../control/policy-plan.js';
import { Failure } from '../failure.js';
import { type PolicyName, policyKey } from '../policy/model.js';
import { checkSelectors } from '../rpc/reading/selector-budget.js';
import { isStep, type Steps } from '../steps.js';
import { StoreFailure } from '../store/store-failure.js';
import { finishInTimeSlices } from '../time-slices.js';
import type { KubernetesObject } from './api-client.js';
import type { FollowedPolicyKind } from './policy-kinds.js';
import { prunedFields } from './pruned-fields.js';

/** A policy as Kubernetes has it. */
export interface PolicyObject extends KubernetesObject {
  readonly spec?: unknown;
  readonly status?: object;
}

/** Why a policy is not accepted as it is written. */
export interface Refusal {
  /** One word, as conditions have it. */
  readonly reason: 'Invalid' | 'TooLarge' | 'Refused';
  /** With the field, where there is one. */
  readonly message: string;
}

/** What was read of an object. */
export interface ReadObject {
  readonly kind: FollowedPolicyKind;
  readonly object: PolicyObject;
  /** The name of the policy that the object is or, if refused, would be. */
  readonly named: PolicyName;
  readonly input?: PolicyInput;
  readonly refusal?: Refusal;
}

/** Reads objects of Kubernetes as policies; what has not changed is not read again. */
export class PolicyObjects {
  #read = new Map<string, ReadObject>();

  /** @param readDocument throws a Failure with every problem */
  constructor(readonly readDocument: (document: unknown) => PolicyInput) {}

  /**
   * There may be thousands: other work can run meanwhile.
   *
   * @param now policies that expired before are read again, and refused; milliseconds since the Unix epoch
   */
  readAll(objects: Iterable<readonly [FollowedPolicyKind, PolicyObject]>, now = Date.now()): Promise<ReadObject[]> {
    return finishInTimeSlices(this.#readInSteps(objects, now));
  }

  *#readInSteps(objects: Iterable<readonly [FollowedPolicyKind, PolicyObject]>, now: number): Steps<ReadObject[]> {
    const next = new Map<string, ReadObject>();
    for (const [kind, object] of objects) {
      const { uid = '', generation, resourceVersion } = object.metadata;
      const key = `${kind.kind} ${uid} ${generation ?? resourceVersion}`;
      const known = this.#read.get(key);
      const isKnown = known !== undefined && !hasEnded(known, now);
      next.set(key, isKnown ? { ...known, object } : this.#readOne(kind, object));
      if (!isKnown || isStep(next.size)) yield;
    }
    this.#read = next;
    return [...next.values()];
  }

  #readOne(kind: FollowedPolicyKind, object: PolicyObject): ReadObject {
    const { origin, apiVersion, kind: name } = kind;
    const { metadata, spec } = object;
    const named = namedBy(kind, metadata);
    const head = { name: metadata.name, ...(kind.isNamespaced && { namespace: metadata.namespace }) };
    try {
      const input = this.readDocument({ apiVersion, kind: name, metadata: head, spec });
      checkSelectors([input]);
      const pruned = prunedFields(object);
      const warnings = [...input.warnings, ...(pruned.length === 0 ? [] : [warningOfPruned(pruned)])];
      return { kind, object, named, input: { ...input, warnings, policy: { ...input.policy, origin } } };
    } catch (thrown) {
      // The error concerns only this object: the others must not be held up by it.
      const message = `it cannot be read: ${(thrown as Error).message}`;
      const failure = thrown instanceof Failure ? thrown : new Failure('invalid-argument', message);
      return { kind, object, named, refusal: refusalOf(failure) };
    }
  }
}

function hasEnded({ input }: ReadObject, now: number): boolean {
  return (input?.policy.expires ?? Number.POSITIVE_INFINITY) <= now;
}

/** @throws errors that the policy has not caused */
export function refusalOf(thrown: unknown): Refusal {
  // A full disk has the same code as a policy that is too large.
  if (!(thrown instanceof Failure) || thrown instanceof StoreFailure) throw thrown;
  const { code, message } = thrown;
  if (code === 'invalid-argument') return { reason: 'Invalid', message };
  if (code === 'resource-exhausted') return { reason: 'TooLarge', message };
  if (code === 'failed-precondition') return { reason: 'Refused', message };
  throw thrown;
}

function namedBy({ origin, kind }: FollowedPolicyKind, metadata: KubernetesObject['metadata']): PolicyName {
  const { name, namespace = 'default' } = metadata;
  if (/Host/u.test(kind)) return { name, namespace: '', scope: 'host', origin };
  if (/Cluster/u.test(kind)) return { name, namespace: '', scope: 'cluster', origin };
  return { name, namespace, origin };
}

function warningOfPruned(fields: readonly string[]): string {
  return (
    `kubectl apply has sent ${fields.join(', ')}, which the object does not have: the schema of this kind in the cluster ` +
    'drops such fields; a kind of hauberk.io keeps them'
  );
}

export function keyOfNamed({ named }: Pick<ReadObject, 'named'>): string {
  return policyKey(named);
}
