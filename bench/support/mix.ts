import { readManifest } from '../../src/policy/manifest.js';
import type { Policy } from '../../src/policy/model.js';
import { exactPath } from './rules.js';

/** How many programs are sources of rules; each has a class of its own. */
const SOURCES = 50;
export const MIX_LABELS = { app: 'mix' };

export const sourceProgram = (index: number) => `/usr/bin/worker-${String(index % SOURCES).padStart(2, '0')}`;
/** A block of addresses that only the policy of this number names. */
export const blockOf = (index: number) => [10, index >> 8, index & 255] as const;

/** Policies that use everything the language has, in the proportions in which people use it: files and programs most. */
export function mixedManifest(policies: number): string {
  return Array.from({ length: policies }, (_, index) => manifestOf(index)).join('---\n');
}

export function mixedPolicies(policies: number): Policy[] {
  return readManifest(mixedManifest(policies), { now: 0 }).map(({ policy }) => policy);
}

function manifestOf(index: number): string {
  const every = (nth: number, ...lines: readonly string[]) => (index % nth === nth - 1 ? lines : []);
  const source = `fromSource: [{path: ${sourceProgram(index)}}]`;
  const isForCluster = index % 20 === 19;
  return [
    'apiVersion: security.kubearmor.com/v1',
    `kind: ${isForCluster ? 'KubeArmorClusterPolicy' : 'KubeArmorPolicy'}`,
    `metadata: {name: mix-${index}}`,
    'spec:',
    isForCluster
      ? '  selector: {matchExpressions: [{key: label, operator: In, values: [app=mix]}]}'
      : '  selector: {matchLabels: {app: mix}}',
    `  severity: ${1 + (index % 10)}`,
    `  action: ${['Block', 'Block', 'Audit', 'Block', 'Allow'][Math.floor(index / 20) % 5]}`,
    ...every(25, `  priority: ${index % 7}`),
    ...every(10, '  mode: audit'),
    '  process:',
    '    matchPaths:',
    `    - {path: /usr/bin/tool-${index}}`,
    `    - {path: /usr/sbin/service-${index}, ${source}}`,
    ...every(50, `    - {execname: tool-${index}}`),
    ...every(25, `    - {path: /usr/bin/python-${index}, allowedArgs: [-m, module-${index}]}`),
    ...every(50, `    - {path: /usr/bin/login-${index}, pts: false}`),
    `    matchDirectories: [{dir: /opt/app-${index}/bin/, recursive: true}]`,
    '  file:',
    '    matchPaths:',
    `    - {path: ${exactPath(index)}, ${source}}`,
    `    - {path: /etc/app-${index}/secret.yml, readOnly: true}`,
    `    - {path: /home/user-${index}/key, ownerOnly: true}`,
    '    matchDirectories:',
    `    - {dir: /var/lib/app-${index}/, recursive: true, operations: [write, delete]}`,
    `    - {dir: /var/log/app-${index}/}`,
    `    matchPatterns: [{pattern: "/data/app-${index}/**/{state,backup}-*.db"}]`,
    '  network:',
    '    matchEndpoints:',
    `    - {protocol: tcp, cidr: ${blockOf(index).join('.')}.0/24, ports: 8000-8999, direction: egress, action: Block}`,
    ...every(10, `    - {protocol: udp, ports: "${1024 + index}", direction: ingress, ${source}}`),
    ...every(25, '    matchProtocols: [{protocol: icmp}, {protocol: raw}]'),
    ...every(10, `  capabilities: {matchCapabilities: [{capability: net_raw}, {capability: chown, ${source}}]}`),
    ...every(50, '  filesystems: {matchTypes: [{type: debugfs}]}'),
    ...every(25, `  mounts: {matchMounts: [{dir: /mnt/app-${index}/, recursive: true, type: ext4}]}`),
    ...every(25, `  ptrace: {matchProcesses: [{path: /usr/bin/agent-${index}, operation: attach}]}`),
    ...every(50, '  namespaces: {matchNamespaces: [{namespace: user}]}'),
    ...every(50, '  presets: [{name: filelessExec, action: Block}, {name: protectEnv, action: Audit}]'),
    '',
  ].join('\n');
}
