import type { PolicyInput } from '../../control/policy-plan.js';
import { type ReadManifest, readObjects } from '../../control/policy-reading.js';
import { serveJobs } from '../../control/thread-program.js';
import { Failure, invalidInput } from '../../failure.js';
import {
  ApplyPolicyRequest,
  DiffRequest,
  SyncPoliciesRequest,
  ValidatePolicyRequest,
} from '../../generated/hauberk/v1/policy.js';
import { RestoreRequest } from '../../generated/hauberk/v1/state.js';
import type { Rule } from '../../policy/model.js';
import type { PolicyDocument } from '../../policy/policy-document.js';
import { readPolicy, warningsOf } from '../../policy/validate.js';
import { strictDecoderOf, Undecodable } from '../decode.js';
import { nameIn, readPolicyEvent } from '../kubearmor/policy-event.js';
import { clientOriginOf } from './client-origin.js';
import { type PolicyReading, readAll, readSource, translateForSource } from './policies-of.js';
import type { ReadJob, ReadMethod, ReadPart, ReadPiece, ReadRest } from './read-job.js';
import { checkSelectors } from './selector-budget.js';
import { readState } from './state-of.js';

/** Runs in a thread of its own: nothing that a client sends may hold up the daemon. */

/** Rules of a part, or policies where they have none. */
const PART_RULES = 250;
/** Entries beside the policies; they are taken in at once. */
const ENTRIES_MAX = 20_000;

const DECODERS = {
  applyPolicy: strictDecoderOf(ApplyPolicyRequest.decode),
  validatePolicy: strictDecoderOf(ValidatePolicyRequest.decode),
  syncPolicies: strictDecoderOf(SyncPoliciesRequest.decode),
  diff: strictDecoderOf(DiffRequest.decode),
  restore: strictDecoderOf(RestoreRequest.decode),
} as const satisfies Record<ReadMethod, unknown>;

type Request = Partial<ApplyPolicyRequest & SyncPoliciesRequest & DiffRequest & RestoreRequest>;

const READING = {
  // The daemon itself warns about what the kernel lacks.
  readObjects: (text: string, ignoreForeign: boolean, now = Date.now()) =>
    readObjects(text, { ignoreForeign, now }, { warningsFor: () => [] }),
  readDocument: (document: unknown): PolicyInput => {
    const policy = readPolicy(document, { now: Date.now() });
    return { policy, warnings: warningsOf(policy, document as PolicyDocument) };
  },
} satisfies PolicyReading;

const NOTHING: ReadRest = {
  ignored: 0,
  force: false,
  origin: 'rpc',
  expectedVersions: {},
  expectedRevision: 0n,
  deleted: [],
  postures: [],
  visibility: undefined,
  event: undefined,
};

serveJobs(function* (job: ReadJob): Generator<ReadPart, ReadRest, void> {
  if (job.method === 'policyEvent') return yield* readEvent(job);
  const request = decode(job);
  if ('failure' in job) {
    const { code, message, problems } = job.failure;
    throw translateForSource(request.source, new Failure(code, message, problems));
  }
  const { force = false, expectedVersions = {}, expectedRevision = 0n, deleted = [] } = request;
  checkCount('expected_versions', Object.keys(expectedVersions).length);
  checkCount('deleted', deleted.length);
  if (job.method === 'restore') {
    const { manifests = [], postures = [], origins = [], visibility } = request;
    checkCount('postures', postures.length);
    const state = { manifests, postures, origins, visibility };
    const wanted = readState(state, (text) => READING.readObjects(text, false, 0).inputs);
    yield* partsOf(wanted.inputs);
    return { ...NOTHING, force, postures: wanted.postures, visibility: wanted.visibility };
  }
  const { inputs, foreign } = policiesIn(job.method, request);
  yield* partsOf(inputs);
  const origin = clientOriginOf(request.origin);
  return { ...NOTHING, force, origin, expectedVersions, expectedRevision, deleted, ignored: foreign.length };
});

/** The event is reported even if its policy is not accepted. */
function* readEvent({ bytes, kinds }: Extract<ReadJob, { kinds: unknown }>): Generator<ReadPart, ReadRest, void> {
  const event = readPolicyEvent(bytes, kinds);
  const described = { type: event.type, named: nameIn(event), failure: undefined };
  if (event.type === 'DELETED') return { ...NOTHING, event: described };
  try {
    const input = READING.readDocument(event.document);
    checkSelectors([input]);
    yield* partsOf([input]);
  } catch (thrown) {
    const { code, message, problems } = Failure.from(thrown);
    if (code === 'internal') throw thrown;
    return { ...NOTHING, event: { ...described, failure: { code, message, problems } } };
  }
  return { ...NOTHING, event: described };
}

function decode({ method, bytes }: Exclude<ReadJob, { kinds: unknown }>): Request {
  const request = DECODERS[method](Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (!(request instanceof Undecodable)) return request;
  throw request.failure;
}

function policiesIn(method: ReadMethod, request: Request): ReadManifest {
  const { source, manifest = '', policies = [], deleted = [], ignoreForeign, origin } = request;
  if (method === 'syncPolicies') return readAll({ manifest, policies, ignoreForeign, origin }, READING);
  if (source === undefined && deleted.length > 0) return { inputs: [], foreign: [] };
  return readSource({ source, ignoreForeign, origin }, READING);
}

function checkCount(field: string, count: number): void {
  if (count <= ENTRIES_MAX) return;
  throw invalidInput([{ field, description: `holds ${count} entries, at most ${ENTRIES_MAX} are accepted` }]);
}

function* partsOf(inputs: readonly PolicyInput[]): Generator<ReadPart, void, void> {
  let part: ReadPiece[] = [];
  let size = 0;
  for (const { policy, warnings, placeOf } of inputs) {
    const { rules, ...head } = policy;
    part.push({ policy: head, warnings });
    size++;
    for (let first = 0; first < rules.length; ) {
      const piece = rules.slice(first, first + Math.max(1, PART_RULES - size));
      part.push({ rules: piece, ...(placeOf && { places: piece.map(({ id }) => placeOf(id)) }) });
      first += piece.length;
      size += weightOf(piece);
      if (size < PART_RULES) continue;
      yield part;
      part = [];
      size = 0;
    }
    if (size < PART_RULES) continue;
    yield part;
    part = [];
    size = 0;
  }
  if (part.length > 0) yield part;
}

function weightOf(rules: readonly Rule[]): number {
  return rules.reduce((sum, { sources, tags }) => sum + 1 + (sources.length + tags.length) / 8, 0);
}
