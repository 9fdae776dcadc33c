import { type Container, Mode, type Policy, Scope } from '../client/index.js';
import { labelsText } from '../policy/labels.js';
import type { Listing } from './listing.js';
import { keyOf } from './policy-key.js';
import { containerView, nameOf, policyView, timeText } from './views.js';

/** @param namespace every one when empty */
export function policyListing(namespace: string): Listing<Policy> {
  return {
    list: async (client) => (await client.policies.listPolicies({ namespace })).policies,
    name: keyOf,
    view: policyView,
    headings: ['NAMESPACE', 'NAME', 'VERSION', 'RULES', 'SELECTOR'],
    cells: ({ namespace: of, name, resourceVersion, rules, selector }) => [
      of,
      name,
      String(resourceVersion),
      String(rules.length),
      labelsText(selector?.matchLabels ?? {}),
    ],
    wideHeadings: ['SCOPE', 'MODE', 'PRIORITY', 'EXPIRES', 'GUARDS'],
    wideCells: ({ scope, mode, priority, expires, guardsOff }) => [
      nameOf(Scope, scope).toLowerCase(),
      // As a manifest says it.
      mode === Mode.PERMISSIVE ? 'audit' : 'enforce',
      String(priority),
      timeText(expires) || 'never',
      guardsOff ? 'off' : 'on',
    ],
  };
}

/** @param namespace every one when empty */
export function containerListing(namespace: string): Listing<Container> {
  return {
    list: async (client) => (await client.containers.listContainers({ namespace })).containers,
    name: ({ id }) => id,
    view: containerView,
    headings: ['NAMESPACE', 'NAME', 'ID', 'ORIGIN', 'PID', 'PROTECTED', 'POLICIES'],
    cells: (container) => {
      const view = containerView(container);
      return [
        view.namespace,
        view.name,
        view.id.slice(0, 12),
        view.origin.toLowerCase(),
        String(view.pid),
        protectionText(view),
        view.policies.join(','),
      ];
    },
    wideHeadings: ['LABELS', 'SINCE', 'PIDNS', 'MNTNS', 'IMAGE'],
    wideCells: ({ labels, protection, namespaces, imageId }) => [
      labelsText(labels),
      timeText(protection?.since).replace(/\.\d+Z$/u, 'Z'),
      String(namespaces?.pidNamespace ?? '-'),
      String(namespaces?.mountNamespace ?? '-'),
      String(imageId),
    ],
  };
}

/** How a container came under its policies, or why it did not. */
function protectionText({ protection }: ReturnType<typeof containerView>): string {
  if (!protection.protected) return `no: ${protection.reason}`;
  const by = protection.by.toLowerCase() || 'yes';
  return protection.leftOutPolicies.length === 0 ? by : `${by}, without ${protection.leftOutPolicies.join(' ')}`;
}
