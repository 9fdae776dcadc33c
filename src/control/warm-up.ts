import type { Container } from '../containers/container.js';
import { isWithinLimits } from '../image/compile.js';
import { compileWith } from '../kernel/compile-with.js';
import { AUDIT_POSTURES } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { nextTimeSlice } from '../time-slices.js';
import { NOTHING_DESIRED } from './desired-state.js';
import { DryRunPool } from './dry-run-pool.js';
import { Enforcement } from './enforcement.js';
import { NO_HOST_FILES } from './host-files.js';
import { HostSubject } from './host-subject.js';
import { Ledger } from './ledger.js';
import { PolicyRegistry } from './policy-registry.js';

/**
 * Does what the first change of policies would have to wait for: makes a change nobody asked for, to a container that
 * does not exist, without disk or kernel. Other work runs in between.
 */
export async function warmUp(): Promise<void> {
  const registry = registryOfNothing();
  // What runs for the first time takes long: each of these adds to what has run by then, and none holds up others.
  for (const read of [
    () => registry.readDocument(DOCUMENT),
    () => registry.readManifest(SHORT_MANIFEST),
    () => registry.readManifest(MANIFEST),
  ]) {
    await nextTimeSlice();
    read();
  }
  await nextTimeSlice();
  await registry.apply([registry.readDocument(DOCUMENT)]);
  await nextTimeSlice();
  await registry.apply(registry.readManifest(MANIFEST));
}

/** The daemon's own code for making a change, with nothing behind it. */
function registryOfNothing(): PolicyRegistry {
  const kernel = {
    compile: (ruleSet: RuleSet) => compileWith(ruleSet, (_, imageId) => ({ imageId })),
    fits: isWithinLimits,
    releaseImage: () => undefined,
    enforceHost: () => undefined,
    observeCalls: () => undefined,
    readAnswers: async () => undefined,
    publish: async () => undefined,
    markTasksInside: async () => 0,
    removeContainers: async () => undefined,
    containers: () => [],
  };
  const desired = { ...NOTHING_DESIRED, containers: new Map([[CONTAINER.id, CONTAINER]]) };
  const host = new HostSubject(undefined);
  const enforcement = new Enforcement(kernel, { postures: AUDIT_POSTURES }, new Map(), 0, host);
  const ledger = new Ledger(
    enforcement,
    { commit: async () => undefined },
    { desired, revision: 0 },
    () => undefined,
    () => undefined,
  );
  return new PolicyRegistry(
    ledger,
    enforcement.rules,
    host,
    enforcement,
    new DryRunPool(),
    { warningsFor: () => [] },
    NO_HOST_FILES,
  );
}

const CONTAINER: Container = {
  id: '0'.repeat(64),
  name: 'nothing',
  namespace: 'default',
  labels: { app: 'nothing' },
  origin: 'registered',
  // No process is in namespaces of this number.
  namespaces: { pidNamespace: 0, mountNamespace: 0 },
  links: {},
};

const DOCUMENT = {
  apiVersion: 'security.kubearmor.com/v1',
  kind: 'KubeArmorPolicy',
  metadata: { name: 'warm-up' },
  spec: { selector: { matchLabels: { app: 'nothing' } }, file: { matchPaths: [{ path: '/a' }] }, action: 'Block' },
};

const SHORT_MANIFEST = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: warm-up}
spec: {selector: {matchLabels: {app: nothing}}, file: {matchPaths: [{path: /a}]}, action: Block}
`;

const MANIFEST = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: warm-up, namespace: default}
spec:
  selector: {matchLabels: {app: nothing}}
  process:
    matchPaths: [{path: /usr/bin/tool}, {path: /usr/bin/other, fromSource: [{path: /usr/bin/shell}]}]
    matchDirectories: [{dir: /opt/tools/, recursive: true}]
  file:
    matchPaths: [{path: /etc/secret}, {path: /etc/shared, readOnly: true}]
    matchDirectories: [{dir: /srv/private/, recursive: true}, {dir: /srv/keys/}]
    matchPatterns: [{pattern: '/srv/**/cache-?.{key,db}'}]
  network:
    matchProtocols: [{protocol: udp}]
  capabilities:
    matchCapabilities: [{capability: net_raw}]
  action: Block
`;
