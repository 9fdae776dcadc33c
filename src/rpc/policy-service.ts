import type { ControlPlane } from '../control/control-plane.js';
import type { PolicyChange, PolicyInput } from '../control/policy-plan.js';
import type { ReadManifest } from '../control/policy-reading.js';
import type { PolicyRegistry } from '../control/policy-registry.js';
import {
  type ApplyPolicyRequest,
  type ExplainRequest,
  type Policy as PolicyMessage,
  PolicyServiceService,
  Scope,
} from '../generated/hauberk/v1/policy.js';
import { DEFAULT_NAMESPACE, type PolicyName, policyKey } from '../policy/model.js';
import { currentCaller } from './caller.js';
import { toPolicyChangeMessage, toPostureMessages } from './convert.js';
import { toDiffResponse } from './diff-message.js';
import { toAccess, toExplainResponse } from './explain-message.js';
import { RpcService } from './handler.js';
import { SCOPE_CHOICE, SCOPE_NAMES } from './names.js';
import { convertPolicy } from './policy-message.js';
import { toPolicyMessage } from './policy-output.js';
import { toPostures } from './posture-message.js';
import { MUST_NOT_BE_EMPTY, RequestChecks } from './request-checks.js';

/** hauberk.v1.PolicyService. */
export function policyServiceOf(policies: PolicyRegistry, judge: ControlPlane['judge']): RpcService {
  return RpcService.of(PolicyServiceService, {
    async applyPolicy({ source, expectedVersions, force, ignoreForeign = false }) {
      const expected = new Map(Object.entries(expectedVersions).map(([key, version]) => [key, Number(version)]));
      const { inputs, ignored, translate } = read(source, policies, ignoreForeign);
      return translate(async () => ({ ...toChanges(await policies.apply(inputs, { expected, force })), ignored }));
    },

    async validatePolicy({ source, force, ignoreForeign = false }) {
      const { inputs, ignored, translate } = read(source, policies, ignoreForeign);
      return translate(async () => ({
        changes: (await policies.dryRun(inputs, force, currentCaller())).map(toPolicyChangeMessage),
        ignored,
      }));
    },

    async syncPolicies({ manifest, policies: messages, expectedRevision, force, ignoreForeign = false }) {
      const ofText = /\S/u.test(manifest) ? policies.readObjects(manifest, ignoreForeign) : NOTHING_TO_READ;
      const inputs = [
        ...ofText.inputs,
        ...messages.map((message, index) => readMessage(message, `policies[${index}]`, policies)),
      ];
      checkNamedOnce(inputs);
      const changes = toChanges(await policies.sync(inputs, Number(expectedRevision), force));
      return { ...changes, ignored: ofText.foreign.length || undefined };
    },

    async deletePolicy(request) {
      const { result, revision } = await policies.delete(policyNamed(request), Number(request.expectedVersion));
      return { containerIds: [...result.containerIds], revision: BigInt(revision) };
    },

    async explain(request) {
      const access = toAccess(request);
      return toExplainResponse(await policies.explain(subjectOf(request), access));
    },

    async diff({ source, deleted, force, ignoreForeign = false }) {
      const named = deleted.map((reference, index) => policyNamed(reference, `deleted[${index}].`));
      const { inputs, translate } =
        source === undefined && named.length > 0 ? NOTHING_TO_READ : read(source, policies, ignoreForeign);
      return translate(async () => {
        const foreseen = await policies.foresee(inputs, named, force, currentCaller());
        return toDiffResponse(foreseen.changes, await judge(foreseen));
      });
    },

    getPolicy(request) {
      const named = policyNamed(request);
      const policy = policies.get(named);
      if (policy === undefined) throw policies.ledger.notFound(`policy ${policyKey(named)}`);
      return {
        policy: toPolicyMessage(policy, policies.versionOf(policy)),
        manifest: policies.manifestOf(policy),
        containerIds: policies.containerIdsReachedBy(policy),
      };
    },

    listPolicies({ namespace }) {
      const listed = policies.list().filter((policy) => namespace === '' || policy.namespace === namespace);
      return { policies: listed.map((policy) => toPolicyMessage(policy, policies.versionOf(policy))) };
    },

    async setPosture({ namespace, postures }) {
      const { revision } = await policies.setPosture(...toPostures(namespace, postures));
      return { revision: BigInt(revision) };
    },

    listPostures() {
      return {
        defaults: toPostureMessages(policies.defaultPostures),
        namespaces: [...policies.postures()]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([namespace, postures]) => ({ namespace, postures: toPostureMessages(postures) })),
      };
    },
  });
}

function subjectOf({ subject }: ExplainRequest): string | { namespace: string; labels: Record<string, string> } {
  if (subject!.$case === 'containerId') return subject!.value;
  const { namespace, labels } = subject!.value;
  return { namespace: namespace || DEFAULT_NAMESPACE, labels };
}

interface ReadSource {
  readonly inputs: readonly PolicyInput[];
  /** How many objects were passed over; undefined for none. */
  readonly ignored: number | undefined;
  /** Runs what may fail on account of the inputs; its Failures then speak of the request's fields. */
  translate<Result>(task: () => Promise<Result>): Promise<Result>;
}

const NOTHING_TO_READ: ReadSource & ReadManifest = {
  inputs: [],
  ignored: undefined,
  foreign: [],
  translate: (task) => task(),
};

function read(source: ApplyPolicyRequest['source'], policies: PolicyRegistry, ignoreForeign: boolean): ReadSource {
  const checks = new RequestChecks();
  checks.require(source !== undefined, 'source', 'one of manifest and policy must be set');
  checks.require(source?.$case !== 'manifest' || source.value !== '', 'manifest', MUST_NOT_BE_EMPTY);
  checks.done();
  if (source!.$case === 'manifest') {
    const { inputs, foreign } = policies.readObjects(source!.value, ignoreForeign);
    return { inputs, ignored: foreign.length || undefined, translate: (task) => task() };
  }
  const { translate } = convertPolicy(source!.value, 'policy');
  return {
    inputs: [readMessage(source!.value, 'policy', policies)],
    ignored: undefined,
    translate: async (task) => {
      try {
        return await task();
      } catch (thrown) {
        throw translate(thrown);
      }
    },
  };
}

function readMessage(message: PolicyMessage, field: string, policies: PolicyRegistry): PolicyInput {
  const { document, translate } = convertPolicy(message, field);
  try {
    return policies.readDocument(document);
  } catch (thrown) {
    throw translate(thrown);
  }
}

function checkNamedOnce(inputs: readonly PolicyInput[]): void {
  const seen = new Set<string>();
  const checks = new RequestChecks();
  for (const { policy } of inputs) {
    const key = policyKey(policy);
    checks.require(!seen.has(key), 'policies', `policy ${key} is given twice`);
    seen.add(key);
  }
  checks.done();
}

function toChanges({ result, revision }: { result: readonly PolicyChange[]; revision: number }) {
  return { changes: result.map(toPolicyChangeMessage), revision: BigInt(revision) };
}

function policyNamed(request: { name: string; namespace: string; scope: Scope }, prefix = ''): PolicyName {
  const { name, namespace } = request;
  const scope = request.scope === Scope.UNSPECIFIED ? 'namespace' : SCOPE_NAMES.get(request.scope);
  const checks = new RequestChecks();
  checks.require(name !== '', `${prefix}name`, MUST_NOT_BE_EMPTY);
  checks.require(scope !== undefined, `${prefix}scope`, `must be ${SCOPE_CHOICE}`);
  checks.require(scope === 'namespace' || namespace === '', `${prefix}namespace`, 'must be empty for this scope');
  checks.done();
  return scope === 'namespace'
    ? { name, namespace: namespace || DEFAULT_NAMESPACE }
    : { name, namespace: '', scope: scope! };
}
