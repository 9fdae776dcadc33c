import { AccessClass, type Container, type HauberkClient, Mode, type Policy, Scope } from '../../client/messages.js';
import { keyOf } from '../policy-key.js';
import { containerView, nameOf, postureView, statusView } from '../views.js';

/** Information from the daemon, without possible secrets: values of labels, paths of rules, manifests. */
export async function examineDaemon(client: HauberkClient) {
  const [status, { containers }, { policies }, { defaults, namespaces }] = await Promise.all([
    client.host.getStatus(),
    client.containers.listContainers(),
    client.policies.listPolicies(),
    client.policies.listPostures(),
  ]);
  return {
    status: statusView(status),
    containers: containers.map(describeContainer),
    policies: policies.map((policy) => describePolicy(policy, containers)),
    postures: [
      { namespace: '(every other)', ...postureView(defaults) },
      ...namespaces.map(({ namespace, postures }) => ({ namespace, ...postureView(postures) })),
    ],
  };
}

export type DaemonReport = Awaited<ReturnType<typeof examineDaemon>>;

function describeContainer(container: Container) {
  const { id, name, namespace, labels, origin, policies, protection } = containerView(container);
  return { id: id.slice(0, 12), name, namespace, labelKeys: Object.keys(labels), origin, policies, protection };
}

function describePolicy(policy: Policy, containers: readonly Container[]) {
  const classes: Record<string, number> = {};
  for (const rule of policy.rules) {
    const name = nameOf(AccessClass, rule.class).toLowerCase();
    classes[name] = (classes[name] ?? 0) + 1;
  }
  const key = keyOf(policy);
  return {
    name: key,
    scope: nameOf(Scope, policy.scope).toLowerCase(),
    mode: nameOf(Mode, policy.mode).toLowerCase(),
    rules: classes,
    reaches: containers.filter(({ policies }) => policies.includes(key)).length,
  };
}
