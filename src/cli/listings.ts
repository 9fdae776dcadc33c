import { type Container, type Policy, type PolicyOrigin, Scope } from '../client/messages.js';
import { labelsText } from '../policy/labels.js';
import type { Listing } from './listing.js';
import { keyOf } from './policy-key.js';
import { containerView, modeText, nameOf, originText, policyView, selectorText, timeText } from './views.js';

/** @param namespace every one when empty @param origin every one when left out */
export function policyListing(namespace: string, origin?: PolicyOrigin): Listing<Policy> {
  return {
    list: async (client) => (await client.policies.listPolicies({ namespace, origin })).policies,
    name: keyOf,
    view: policyView,
    headings: ['NAMESPACE', 'NAME', 'ORIGIN', 'SCOPE', 'MODE', 'PRIORITY', 'EXPIRES', 'VERSION', 'RULES', 'SELECTOR'],
    cells: ({ namespace: of, name, origin, scope, mode, priority, expires, resourceVersion, rules, selector }) => [
      of || '-',
      name,
      originText(origin),
      nameOf(Scope, scope).toLowerCase(),
      modeText(mode),
      String(priority),
      timeText(expires).replace(/\.0+Z$/u, 'Z') || '-',
      String(resourceVersion),
      String(rules.length),
      selectorText(selector),
    ],
    optionalHeadings: ['PRIORITY', 'EXPIRES'],
    wideHeadings: ['GUARDS'],
    wideCells: ({ guardsOff }) => [guardsOff ? 'off' : 'on'],
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
    wideHeadings: ['LABELS', 'SINCE', 'PIDNS', 'MNTNS', 'POLICY IMAGE'],
    wideCells: ({ labels, protection, namespaces, imageId }) => [
      labelsText(labels),
      timeText(protection?.since).replace(/\.\d+Z$/u, 'Z'),
      String(namespaces?.pidNamespace ?? '-'),
      String(namespaces?.mountNamespace ?? '-'),
      String(imageId),
    ],
  };
}

/** How a container came under its policies, or why not. */
function protectionText({ protection }: ReturnType<typeof containerView>): string {
  if (!protection.protected) return `no: ${protection.reason}`;
  const by = protection.by.toLowerCase() || 'yes';
  return protection.leftOutPolicies.length === 0 ? by : `${by}, without ${protection.leftOutPolicies.join(' ')}`;
}
