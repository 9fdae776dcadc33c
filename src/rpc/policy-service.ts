import type { ControlPlane } from '../control/control-plane.js';
import type { PolicyChange, PolicyInput } from '../control/policy-plan.js';
import type { ReadManifest } from '../control/policy-reading.js';
import type { PolicyRegistry } from '../control/policy-registry.js';
import { invalidInput } from '../failure.js';
import {
  type ApplyPolicyRequest,
  type ExplainRequest,
  PolicyOrigin,
  PolicyServiceService,
  Scope,
} from '../generated/hauberk/v1/policy.js';
import {
  DEFAULT_NAMESPACE,
  givenBy,
  originOf,
  type PolicyName,
  type PolicyOrigin as PolicyOriginName,
  policyKey,
} from '../policy/model.js';
import { inTimeSlices } from '../time-slices.js';
import { ADMIN_WRITE, READ, type RulesOf } from './access/method-rule.js';
import { currentCaller } from './caller.js';
import { someIds, toChangeMessages } from './change-output.js';
import { toPostureMessages } from './convert.js';
import { toDiffResponse } from './diff-message.js';
import { toAccess, toExplainResponse } from './explain-message.js';
import { type Handlers, RpcService } from './handler.js';
import { ORIGIN_CHOICE, POLICY_ORIGIN_NAMES, SCOPE_CHOICE, SCOPE_NAMES } from './names.js';
import { pageByKey } from './pages.js';
import { policyPage, toListedPolicy } from './policy-pages.js';
import { toPostures } from './posture-message.js';
import { clientOriginOf } from './reading/client-origin.js';
import { readAll, readSource, translateForSource } from './reading/policies-of.js';
import type { ReadMethod, ReadRest } from './reading/read-job.js';
import { RequestReader } from './reading/request-reader.js';
import { MUST_NOT_BE_EMPTY, RequestChecks } from './request-checks.js';

export const POLICY_RULES: RulesOf<typeof PolicyServiceService> = {
  '/hauberk.v1.PolicyService/ApplyPolicy': ADMIN_WRITE,
  '/hauberk.v1.PolicyService/DeletePolicy': ADMIN_WRITE,
  '/hauberk.v1.PolicyService/SyncPolicies': ADMIN_WRITE,
  '/hauberk.v1.PolicyService/SetPosture': ADMIN_WRITE,
  '/hauberk.v1.PolicyService/ValidatePolicy': READ,
  '/hauberk.v1.PolicyService/GetPolicy': READ,
  '/hauberk.v1.PolicyService/ListPolicies': READ,
  '/hauberk.v1.PolicyService/ListPostures': READ,
  '/hauberk.v1.PolicyService/Explain': READ,
  '/hauberk.v1.PolicyService/Diff': READ,
};

/** hauberk.v1.PolicyService. */
export function policyServiceOf(
  policies: PolicyRegistry,
  judge: ControlPlane['judge'],
  reader: RequestReader = new RequestReader(),
): RpcService {
  const apply = ({ inputs, ignored, translate }: Inputs, { expectedVersions, force }: ApplyRest) => {
    const expected = new Map(Object.entries(expectedVersions).map(([key, version]) => [key, Number(version)]));
    return translate(async () => ({
      ...(await toChanges(await policies.apply(inputs, { expected, force }))),
      ignored,
    }));
  };
  const validate = ({ inputs, ignored, translate }: Inputs, { force }: Pick<ReadRest, 'force'>) =>
    translate(async () => ({
      ...(await toChangeMessages(await policies.dryRun(inputs, force, currentCaller()))),
      ignored,
    }));
  const sync = async ({ inputs, ignored }: Inputs, { expectedRevision, force, origin }: SyncRest) => {
    await checkNamedOnce(inputs);
    return { ...(await toChanges(await policies.sync(inputs, Number(expectedRevision), force, origin))), ignored };
  };
  const diff = ({ inputs, translate }: Inputs, { deleted, force }: DiffRest) => {
    const named = deleted.map((reference, index) => policyNamed(reference, `deleted[${index}].`));
    return translate(async () => {
      const preview = await policies.preview(inputs, named, force, currentCaller());
      return toDiffResponse(preview.changes, await judge(preview));
    });
  };
  const readInThread = async (method: ReadMethod, bytes: Uint8Array) => {
    const read = await reader.read(method, bytes, currentCaller());
    return { ...read, inputs: await policies.allWithCoverage(read.inputs) };
  };
  const encoded =
    <Answer>(method: ReadMethod, handle: (inputs: Inputs, rest: ReadRest) => Promise<Answer>) =>
    async (bytes: Uint8Array) => {
      const read = await readInThread(method, bytes);
      return handle(read, read.rest);
    };
  const handlers: Handlers<typeof PolicyServiceService> = {
    applyPolicy: async (request) => apply(inputsOf(request, policies), request),

    validatePolicy: async (request) => validate(inputsOf(request, policies), request),

    async syncPolicies(request) {
      return sync(asInputs(readAll(request, policies)), { ...request, origin: clientOriginOf(request.origin) });
    },

    async diff(request) {
      const hasNone = request.source === undefined && request.deleted.length > 0;
      return diff(hasNone ? asInputs({ inputs: [], foreign: [] }) : inputsOf(request, policies), request);
    },

    async deletePolicy(request) {
      const { result, revision } = await policies.delete(policyNamed(request), Number(request.expectedVersion));
      const { containerIds } = result;
      return {
        containerIds: someIds(containerIds),
        containerCount: BigInt(containerIds.length),
        revision: BigInt(revision),
      };
    },

    async explain(request) {
      const access = toAccess(request);
      return toExplainResponse(await policies.explain(subjectOf(request), access));
    },

    async getPolicy(request) {
      const named = policyNamed(request);
      const policy = policies.get(named);
      if (policy === undefined) throw policies.ledger.notFound(`policy ${policyKey(named)}`);
      return policyPage(
        {
          policy,
          version: policies.versionOf(policy),
          manifest: await policies.manifestInTimeSlices(policy),
          containerIds: await policies.containerIdsReachedBy(policy),
        },
        request.pageToken,
      );
    },

    listPolicies({ namespace, origin, ...page }) {
      const given = origin ? originNamed(origin) : undefined;
      const listed = policies
        .list()
        .filter((policy) => namespace === '' || policy.namespace === namespace)
        .filter((policy) => given === undefined || originOf(policy) === given);
      const { messages, nextPageToken } = pageByKey(listed, policyKey, page, (policy) =>
        toListedPolicy(policy, policies.versionOf(policy)),
      );
      return { policies: messages, nextPageToken };
    },

    async setPosture({ namespace, postures }) {
      const { revision } = await policies.setPosture(...toPostures(namespace, postures));
      return { revision: BigInt(revision) };
    },

    listPostures(page) {
      const settings = [
        ...Array.from(policies.postures(), (each) => [...each, PolicyOrigin.RPC] as const),
        ...Array.from(policies.annotatedPostures(), (each) => [...each, PolicyOrigin.KUBERNETES] as const),
      ];
      const sorted = settings.sort(([a, , one], [b, , other]) => (a === b ? one - other : a < b ? -1 : 1));
      const { messages, nextPageToken } = pageByKey(
        sorted,
        ([namespace, , origin]) => `${namespace} ${origin}`,
        page,
        ([namespace, postures, origin]) => ({ namespace, postures: toPostureMessages(postures), origin }),
      );
      return { defaults: toPostureMessages(policies.defaultPostures), namespaces: messages, nextPageToken };
    },
  };
  return RpcService.of(PolicyServiceService, handlers, {
    encoded: {
      applyPolicy: encoded('applyPolicy', apply),
      validatePolicy: encoded('validatePolicy', validate),
      syncPolicies: encoded('syncPolicies', sync),
      diff: encoded('diff', diff),
    },
    refused: ['explain', 'setPosture'],
  });
}

type ApplyRest = Pick<ReadRest, 'expectedVersions' | 'force'>;
type SyncRest = Pick<ReadRest, 'expectedRevision' | 'force' | 'origin'>;
type DiffRest = Pick<ReadRest, 'deleted' | 'force'>;

function subjectOf({ subject }: ExplainRequest): string | { namespace: string; labels: Record<string, string> } {
  if (subject!.$case === 'containerId') return subject!.value;
  const { namespace, labels } = subject!.value;
  return { namespace: namespace || DEFAULT_NAMESPACE, labels };
}

interface Inputs {
  readonly inputs: readonly PolicyInput[];
  /** How many objects were skipped; undefined for none. */
  readonly ignored: number | undefined;
  /** Runs code that may fail because of the inputs, so that its Failures name the request's fields. */
  translate<Result>(task: () => Promise<Result>): Promise<Result>;
}

type InputRequest = Pick<ApplyPolicyRequest, 'source' | 'ignoreForeign' | 'origin'>;

function inputsOf(request: InputRequest, policies: PolicyRegistry): Inputs {
  const { source } = request;
  return {
    ...asInputs(readSource(request, policies)),
    translate: async (task) => {
      try {
        return await task();
      } catch (thrown) {
        throw translateForSource(source, thrown);
      }
    },
  };
}

function asInputs({ inputs, foreign }: ReadManifest): Inputs {
  return { inputs, ignored: foreign.length || undefined, translate: (task) => task() };
}

async function checkNamedOnce(inputs: readonly PolicyInput[]): Promise<void> {
  const seen = new Set<string>();
  const checks = new RequestChecks();
  for await (const { policy } of inTimeSlices(inputs)) {
    const key = policyKey(policy);
    if (seen.has(key)) checks.require(false, 'policies', `policy ${key} is given twice`);
    seen.add(key);
  }
  checks.done();
}

async function toChanges({ result, revision }: { result: readonly PolicyChange[]; revision: number }) {
  return { ...(await toChangeMessages(result)), revision: BigInt(revision) };
}

function policyNamed(
  request: { name: string; namespace: string; scope: Scope; origin?: PolicyOrigin | undefined },
  prefix = '',
): PolicyName {
  const { name, namespace } = request;
  const scope = request.scope === Scope.UNSPECIFIED ? 'namespace' : SCOPE_NAMES.get(request.scope);
  const origin = POLICY_ORIGIN_NAMES.get(request.origin || PolicyOrigin.RPC);
  const checks = new RequestChecks();
  checks.require(name !== '', `${prefix}name`, MUST_NOT_BE_EMPTY);
  checks.require(scope !== undefined, `${prefix}scope`, `must be ${SCOPE_CHOICE}`);
  checks.require(origin !== undefined, `${prefix}origin`, `must be ${ORIGIN_CHOICE}`);
  checks.require(scope === 'namespace' || namespace === '', `${prefix}namespace`, 'must be empty for this scope');
  checks.done();
  return givenBy(
    origin!,
    scope === 'namespace'
      ? { name, namespace: namespace || DEFAULT_NAMESPACE }
      : { name, namespace: '', scope: scope! },
  );
}

function originNamed(origin: PolicyOrigin): PolicyOriginName {
  const name = POLICY_ORIGIN_NAMES.get(origin);
  if (name === undefined) throw invalidInput([{ field: 'origin', description: `must be ${ORIGIN_CHOICE}` }]);
  return name;
}
