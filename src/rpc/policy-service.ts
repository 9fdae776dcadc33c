import type { AppliedPolicy, ControlPlane } from '../control/control-plane.js';
import { Failure } from '../failure.js';
import { type ApplyPolicyRequest, PolicyServiceService } from '../generated/hauberk/v1/policy.js';
import { policyKey } from '../policy/model.js';
import { DEFAULT_NAMESPACE } from '../policy/validate.js';
import { toChangeMessage, toPolicyMessage } from './convert.js';
import { RpcService } from './handler.js';
import { convertPolicy } from './policy-message.js';
import { MUST_NOT_BE_EMPTY, RequestChecks } from './request-checks.js';

/** hauberk.v1.PolicyService. */
export function policyServiceOf(plane: ControlPlane): RpcService {
  return RpcService.of(PolicyServiceService, {
    async applyPolicy({ source }) {
      return { changes: (await apply(source, plane)).map(toChangeMessage) };
    },

    async deletePolicy(request) {
      const { namespace, name } = policyNamed(request);
      return { containerIds: [...(await plane.deletePolicy(namespace, name))] };
    },

    getPolicy(request) {
      const { namespace, name } = policyNamed(request);
      const policy = plane.policy(namespace, name);
      if (policy === undefined) throw new Failure('not-found', `no policy ${policyKey({ namespace, name })}`);
      return {
        policy: toPolicyMessage(policy),
        manifest: plane.manifestOf(policy),
        containerIds: [...plane.containerIdsReachedBy(policy)],
      };
    },

    listPolicies({ namespace }) {
      const policies = plane.policies().filter((policy) => namespace === '' || policy.namespace === namespace);
      return { policies: policies.map(toPolicyMessage) };
    },
  });
}

async function apply(source: ApplyPolicyRequest['source'], plane: ControlPlane): Promise<readonly AppliedPolicy[]> {
  const checks = new RequestChecks();
  checks.require(source !== undefined, 'source', 'one of manifest and policy must be set');
  checks.require(source?.$case !== 'manifest' || source.value !== '', 'manifest', MUST_NOT_BE_EMPTY);
  checks.done();
  if (source!.$case === 'manifest') return plane.applyManifest(source!.value);
  const { document, translate } = convertPolicy(source!.value);
  try {
    return [await plane.applyDocument(document)];
  } catch (thrown) {
    throw translate(thrown);
  }
}

function policyNamed({ name, namespace }: { name: string; namespace: string }): { name: string; namespace: string } {
  const checks = new RequestChecks();
  checks.require(name !== '', 'name', MUST_NOT_BE_EMPTY);
  checks.done();
  return { name, namespace: namespace || DEFAULT_NAMESPACE };
}
