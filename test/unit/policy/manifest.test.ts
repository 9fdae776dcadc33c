import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifest } from '../../../src/policy/manifest.js';
import { toManifest } from '../../../src/policy/manifest-text.js';
import { ALLOW_WITH_SOURCES, BLOCK_WITH_COMMENTS, GENERATED, SYSTEM_CALLS } from './published.js';
import { makeRule, options } from './support.js';

const read = (text: string) => readManifest(text, options);
const only = (text: string) => {
  const documents = read(text);
  assert.equal(documents.length, 1);
  return documents[0]!;
};

test('values are taken from item, section and specification, in that order', () => {
  const common = { class: 'process', severity: 4, tags: ['CIS', 'rule-3.10'] } as const;
  const inherited = { ...common, message: 'Alert! a package tool was run' };
  assert.deepEqual(only(BLOCK_WITH_COMMENTS), {
    document: 1,
    warnings: [],
    policy: {
      name: 'db-block-package-tools',
      namespace: 'databases',
      matchLabels: { app: 'postgres', 'app.kubernetes.io/part-of': 'shop' },
      rules: [
        makeRule({ ...inherited, id: 'process.matchPaths[0]', match: { kind: 'exact', path: '/usr/bin/apt' } }),
        makeRule({
          id: 'process.matchPaths[1]',
          class: 'process',
          match: { kind: 'exact', path: '/usr/bin/dpkg' },
          sources: ['/bin/dash', '/usr/bin/bash'],
          severity: 7,
          tags: ['DPKG'],
          message: 'dpkg was run',
        }),
        makeRule({
          ...inherited,
          id: 'process.matchDirectories[0]',
          match: { kind: 'directory', directory: '/sbin/', recursive: true },
        }),
        makeRule({
          ...inherited,
          id: 'process.matchPatterns[0]',
          match: { kind: 'pattern', pattern: '/usr/local/bin/*-install' },
          ownerOnly: true,
        }),
      ],
    },
  });
});

test('an Allow policy with sources, owner and read-only rules is read', () => {
  const common = { action: 'Allow', severity: 10 } as const;
  const { policy } = only(ALLOW_WITH_SOURCES);
  assert.equal(policy.namespace, 'default');
  assert.deepEqual(policy.rules, [
    makeRule({ ...common, match: { kind: 'exact', path: '/secret.txt' }, ownerOnly: true, readOnly: true }),
    makeRule({
      ...common,
      id: 'file.matchDirectories[0]',
      match: { kind: 'directory', directory: '/', recursive: true },
    }),
    makeRule({
      ...common,
      id: 'file.matchDirectories[1]',
      match: { kind: 'directory', directory: '/etc/', recursive: false },
      action: 'Audit',
    }),
    makeRule({
      ...common,
      id: 'file.matchDirectories[2]',
      match: { kind: 'directory', directory: '/credentials/', recursive: false },
      readOnly: true,
      sources: ['/readwrite'],
    }),
  ]);
});

test('system calls are audited whatever the action of the policy, with a warning', () => {
  const { policy, warnings } = only(SYSTEM_CALLS);
  const common = { severity: 3, message: 'something was deleted', action: 'Audit', class: 'syscalls' } as const;
  assert.deepEqual(policy.rules, [
    makeRule({ severity: 3 }),
    makeRule({
      ...common,
      id: 'syscalls.matchSyscalls[0]',
      match: { kind: 'call', calls: ['unlinkat', 'kill'] },
      sources: ['/bin/bash', '/opt/**'],
    }),
    makeRule({
      ...common,
      id: 'syscalls.matchPaths[0]',
      match: {
        kind: 'call',
        calls: ['unlinkat'],
        target: { kind: 'directory', directory: '/home/', recursive: true },
      },
      severity: 9,
    }),
    makeRule({
      ...common,
      id: 'syscalls.matchPaths[1]',
      match: { kind: 'call', calls: ['mkdirat', 'execve'], target: { kind: 'exact', path: '/home' } },
    }),
  ]);
  assert.deepEqual(warnings, [
    'line 30, column 5: spec.action is `Block`, and system calls are only audited',
    'line 24, column 18: spec.syscalls.matchPaths[1].recursive says nothing of a path that does not end in `/`; write the directory with a `/` at its end',
  ]);
  assert.deepEqual(only(toManifest(policy)).policy, policy);
  assert.deepEqual(only(SYSTEM_CALLS.replace('Block', 'Audit').replace('/home\n', '/home/\n')).warnings, []);
});

test('nulls, empty sections and fields that a cluster adds are ignored', () => {
  const { policy, warnings } = only(GENERATED);
  assert.deepEqual(warnings, []);
  assert.deepEqual(policy.rules, [makeRule({ action: 'Audit', match: { kind: 'exact', path: '/etc/passwd' } })]);
});

test('by default action is Block, severity 1, and tags and message are empty', () => {
  const text = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: a}
spec: {selector: {matchLabels: {app: web}}, file: {tags: [], message: "", matchPaths: [{path: /etc/shadow}]}}`;
  assert.deepEqual(only(text).policy.rules, [makeRule()]);
});

test('documents are numbered from 1, without empty ones', () => {
  const text = `---\n# nothing\n---\n${ALLOW_WITH_SOURCES}---\n---\n~\n---\n${GENERATED}...\n`;
  assert.deepEqual(
    read(text).map(({ document, policy }) => [document, policy.name]),
    [
      [1, 'web-zero-trust'],
      [2, 'generated'],
    ],
  );
});

test('an empty matchLabels is accepted with a warning', () => {
  const text = ALLOW_WITH_SOURCES.replace('{container: ubuntu-1}', '{}');
  const { policy, warnings } = only(text);
  assert.deepEqual(policy.matchLabels, {});
  assert.deepEqual(warnings, [
    'line 6, column 13: spec.selector is empty, so the policy reaches every container of namespace `default`',
  ]);
});

test('an unknown YAML tag causes a warning', () => {
  assert.deepEqual(only(ALLOW_WITH_SOURCES.replace('path: /secret.txt', 'path: !vault /secret.txt')).warnings, [
    'line 16, column 13: Unresolved tag: !vault',
  ]);
});

test('anchors and aliases are followed', () => {
  const text = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: a}
spec:
  selector: {matchLabels: {app: web}}
  file:
    matchPaths:
    - path: /etc/shadow
      fromSource: &shells [{path: /bin/sh}, {path: /bin/bash}]
    - path: /etc/gshadow
      fromSource: *shells
`;
  assert.deepEqual(
    only(text).policy.rules.map(({ sources }) => sources),
    [
      ['/bin/sh', '/bin/bash'],
      ['/bin/sh', '/bin/bash'],
    ],
  );
});

test('the values a rule accepts at their limits', () => {
  const longest = `/${'x'.repeat(4095)}`;
  const text = ALLOW_WITH_SOURCES.replace('/secret.txt', longest);
  assert.deepEqual(only(text).policy.rules[0]!.match, { kind: 'exact', path: longest });
  const dotted = ALLOW_WITH_SOURCES.replace('/secret.txt', '/..data/...x/.hidden./é');
  assert.deepEqual(only(dotted).policy.rules[0]!.match, { kind: 'exact', path: '/..data/...x/.hidden./é' });
});
