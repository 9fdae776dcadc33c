import type { CallingProcess } from '../containers/descent.js';
import type { ContainerIdentity, ContainerRegistration } from '../control/container-tracker.js';
import type { RegisterContainerRequest } from '../generated/hauberk/v1/container.js';
import { DEFAULT_NAMESPACE } from '../policy/model.js';
import { VALUE_CHECKS } from '../policy/value-checks.js';
import type { RequestChecks } from './request-checks.js';

const ID_LENGTH_MAX = 253;
const MUST_NOT_BE_ZERO = 'must not be zero';
const NO_UNIX_SOCKET =
  "needs the Unix socket of this host's hauberkd: on any other address the caller's process is unknown";

/**
 * Records what is wrong with a registration. `prefix` stands before the names of its fields.
 *
 * @param caller undefined where it comes by no Unix socket
 */
export function checkRegistration(
  { id, name, namespace, labels, identity }: RegisterContainerRequest,
  prefix: string,
  checks: RequestChecks,
  caller: CallingProcess | undefined,
): void {
  checks.text(id, `${prefix}id`, ID_LENGTH_MAX);
  checks.optionalText(name, `${prefix}name`, ID_LENGTH_MAX);
  const namespaceProblem = namespace === '' ? undefined : VALUE_CHECKS.namespace(namespace);
  checks.require(namespaceProblem === undefined, `${prefix}namespace`, namespaceProblem ?? '');
  checks.labels(labels, `${prefix}labels`);
  checks.require(identity !== undefined, `${prefix}identity`, 'one of pid and namespaces must be set');
  if (identity?.$case === 'pid') {
    checks.require(identity.value !== 0, `${prefix}pid`, MUST_NOT_BE_ZERO);
  } else if (identity?.$case === 'childPid') {
    checks.require(identity.value !== 0, `${prefix}child_pid`, MUST_NOT_BE_ZERO);
    checks.require(caller !== undefined, `${prefix}child_pid`, NO_UNIX_SOCKET);
  } else if (identity !== undefined) {
    const { pidNamespace, mountNamespace } = identity.value;
    checks.require(pidNamespace !== 0, `${prefix}namespaces.pid_namespace`, MUST_NOT_BE_ZERO);
    checks.require(mountNamespace !== 0, `${prefix}namespaces.mount_namespace`, MUST_NOT_BE_ZERO);
  }
}

/** The registration a checked request asks for. */
export function toRegistration(
  request: RegisterContainerRequest,
  caller: CallingProcess | undefined,
): ContainerRegistration {
  const { id, name, namespace, labels, identity } = request;
  return {
    description: { id, name: name || id, namespace: namespace || DEFAULT_NAMESPACE, labels, origin: 'registered' },
    identity: toIdentity(identity!, caller),
  };
}

function toIdentity(
  identity: NonNullable<RegisterContainerRequest['identity']>,
  caller: CallingProcess | undefined,
): ContainerIdentity {
  switch (identity.$case) {
    case 'pid':
      return { pid: identity.value };
    case 'childPid':
      return { pid: identity.value, startedBy: caller! };
    case 'namespaces':
      return identity.value;
  }
}
