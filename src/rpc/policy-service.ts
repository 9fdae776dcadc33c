import type { PolicyChange, PolicyInput, PolicyRegistry } from '../control/policy-registry.js';
import { Failure } from '../failure.js';
import {
  type ApplyPolicyRequest,
  type Policy as PolicyMessage,
  PolicyServiceService,
} from '../generated/hauberk/v1/policy.js';
import { policyKey } from '../policy/model.js';
import { DEFAULT_NAMESPACE } from '../policy/validate.js';
import { toPolicyChangeMessage, toPolicyMessage, toPostureMessages } from './convert.js';
import { RpcService } from './handler.js';
import { convertPolicy } from './policy-message.js';
import { toPostures } from './posture-message.js';
import { MUST_NOT_BE_EMPTY, RequestChecks } from './request-checks.js';

/** hauberk.v1.PolicyService. */
export function policyServiceOf(policies: PolicyRegistry): RpcService {
  return RpcService.of(PolicyServiceService, {
    async applyPolicy({ source, expectedVersions }) {
      const expected = new Map(Object.entries(expectedVersions).map(([key, version]) => [key, Number(version)]));
      const { inputs, translate } = read(source, policies);
      return translate(async () => toChanges(await policies.apply(inputs, expected)));
    },

    async validatePolicy({ source }) {
      const { inputs, translate } = read(source, policies);
      return translate(async () => ({ changes: (await policies.rehearse(inputs)).map(toPolicyChangeMessage) }));
    },

    async syncPolicies({ manifest, policies: messages, expectedGeneration }) {
      const inputs = [
        ...(/\S/u.test(manifest) ? policies.readManifest(manifest) : []),
        ...messages.map((message, index) => readMessage(message, `policies[${index}]`, policies)),
      ];
      checkNamedOnce(inputs);
      return toChanges(await policies.sync(inputs, Number(expectedGeneration)));
    },

    async deletePolicy(request) {
      const { namespace, name } = policyNamed(request);
      const { result, generation } = await policies.delete(namespace, name, Number(request.expectedVersion));
      return { containerIds: [...result.containerIds], generation: BigInt(generation) };
    },

    getPolicy(request) {
      const { namespace, name } = policyNamed(request);
      const policy = policies.get(namespace, name);
      if (policy === undefined) throw new Failure('not-found', `no policy ${policyKey({ namespace, name })}`);
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
      const { generation } = await policies.setPosture(...toPostures(namespace, postures));
      return { generation: BigInt(generation) };
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

interface ReadSource {
  readonly inputs: readonly PolicyInput[];
  /** Runs what may fail on account of the inputs; its Failures then speak of the request's fields. */
  translate<Result>(task: () => Promise<Result>): Promise<Result>;
}

function read(source: ApplyPolicyRequest['source'], policies: PolicyRegistry): ReadSource {
  const checks = new RequestChecks();
  checks.require(source !== undefined, 'source', 'one of manifest and policy must be set');
  checks.require(source?.$case !== 'manifest' || source.value !== '', 'manifest', MUST_NOT_BE_EMPTY);
  checks.done();
  if (source!.$case === 'manifest') {
    return { inputs: policies.readManifest(source!.value), translate: (task) => task() };
  }
  const { translate } = convertPolicy(source!.value, 'policy');
  return {
    inputs: [readMessage(source!.value, 'policy', policies)],
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

function toChanges({ result, generation }: { result: readonly PolicyChange[]; generation: number }) {
  return { changes: result.map(toPolicyChangeMessage), generation: BigInt(generation) };
}

function policyNamed({ name, namespace }: { name: string; namespace: string }): { name: string; namespace: string } {
  const checks = new RequestChecks();
  checks.require(name !== '', 'name', MUST_NOT_BE_EMPTY);
  checks.done();
  return { name, namespace: namespace || DEFAULT_NAMESPACE };
}
