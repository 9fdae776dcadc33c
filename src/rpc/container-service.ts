import type { ControlPlane } from '../control/control-plane.js';
import { Failure } from '../failure.js';
import { ContainerServiceService, type RegisterContainerRequest } from '../generated/hauberk/v1/container.js';
import { DEFAULT_NAMESPACE } from '../policy/validate.js';
import { VALUE_CHECKS } from '../policy/value-checks.js';
import { toContainerMessage, toEffectivePostures, toEffectiveRules } from './convert.js';
import { RpcService } from './handler.js';
import { MUST_NOT_BE_EMPTY, RequestChecks } from './request-checks.js';

const ID_LENGTH_MAX = 253;

/** hauberk.v1.ContainerService. */
export function containerServiceOf(plane: ControlPlane): RpcService {
  return RpcService.of(ContainerServiceService, {
    async registerContainer(request) {
      checkRegistration(request);
      const { id, name, namespace, labels, identity } = request;
      const { container, changed } = await plane.registerContainer(
        { id, name: name || id, namespace: namespace || DEFAULT_NAMESPACE, labels, origin: 'registered' },
        identity!.$case === 'pid' ? { pid: identity!.value } : identity!.value,
      );
      return { container: toContainerMessage(container, plane), changed };
    },

    async unregisterContainer({ id }) {
      requireId(id, 'id');
      await plane.unregisterContainer(id);
      return {};
    },

    listContainers({ namespace }) {
      const containers = plane
        .containers()
        .filter((container) => namespace === '' || container.namespace === namespace);
      return { containers: containers.map((container) => toContainerMessage(container, plane)) };
    },

    getEffectivePolicy({ containerId }) {
      requireId(containerId, 'container_id');
      const container = plane.containers().find(({ id }) => id === containerId);
      if (container === undefined) throw new Failure('not-found', `no container ${containerId}`);
      const ruleSet = plane.ruleSetOf(containerId);
      return {
        container: toContainerMessage(container, plane),
        rules: toEffectiveRules(ruleSet),
        postures: toEffectivePostures(ruleSet),
      };
    },
  });
}

function checkRegistration({ id, name, namespace, labels, identity }: RegisterContainerRequest): void {
  const checks = new RequestChecks();
  checks.text(id, 'id', ID_LENGTH_MAX);
  checks.optionalText(name, 'name', ID_LENGTH_MAX);
  const namespaceProblem = namespace === '' ? undefined : VALUE_CHECKS.namespace(namespace);
  checks.require(namespaceProblem === undefined, 'namespace', namespaceProblem ?? '');
  checks.labels(labels, 'labels');
  checks.require(identity !== undefined, 'identity', 'one of pid and namespaces must be set');
  if (identity?.$case === 'pid') {
    checks.require(identity.value !== 0, 'pid', MUST_NOT_BE_ZERO);
  } else if (identity !== undefined) {
    checks.require(identity.value.pidNamespace !== 0, 'namespaces.pid_namespace', MUST_NOT_BE_ZERO);
    checks.require(identity.value.mountNamespace !== 0, 'namespaces.mount_namespace', MUST_NOT_BE_ZERO);
  }
  checks.done();
}

const MUST_NOT_BE_ZERO = 'must not be zero';

function requireId(id: string, field: string): void {
  const checks = new RequestChecks();
  checks.require(id !== '', field, MUST_NOT_BE_EMPTY);
  checks.done();
}
