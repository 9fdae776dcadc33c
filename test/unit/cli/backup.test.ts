import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackupFile, toBackupFile } from '../../../src/cli/backup-file.js';
import { AccessClass, Action, type HauberkError, PolicyOrigin } from '../../../src/client/index.js';

const manifests = ['kind: A\ntext: |\n  ---\n  inside\n', 'kind: B\n', 'kind: C\n'];
const origins = [PolicyOrigin.RPC, PolicyOrigin.CLI, PolicyOrigin.CLI];
const postures = [
  { namespace: 'default', postures: [{ class: AccessClass.FILE, action: Action.BLOCK }] },
  { namespace: 'on', postures: [{ class: AccessClass.NETWORK, action: Action.AUDIT }] },
];
const visibility = {
  settings: [
    { namespace: 'on', matchLabels: { app: 'web' }, classes: [AccessClass.PROCESS], origin: PolicyOrigin.RPC },
    { namespace: 'off', matchLabels: {}, classes: [], origin: PolicyOrigin.RPC },
  ],
};
const text = toBackupFile(
  { manifests, origins, postures, visibility, revision: 12n, nextPageToken: '' },
  new Date('2024-05-06T07:08:09Z'),
);

test('a backup is readable YAML', () => {
  assert.equal(
    text,
    `# What is wanted of a host, as hauberkd had it at revision 12, 2024-05-06T07:08:09.000Z.
# To bring it back: hauberk restore FILE
apiVersion: hauberk/v1
kind: Postures
namespaces:
  default:
    file: block
  on:
    network: audit
---
apiVersion: hauberk/v1
kind: Visibility
settings:
  - namespace: on
    matchLabels:
      app: web
    classes:
      - process
  - namespace: off
    classes: []
---
apiVersion: hauberk/v1
kind: Policies
origin: rpc
---
kind: A
text: |
  ---
  inside
---
apiVersion: hauberk/v1
kind: Policies
origin: cli
---
kind: B
---
kind: C
`,
  );
});

test('a backup can be read back, also with document markers and comments that an editor has added', () => {
  for (const each of [text, `---\n${text}---\n# the end\n`, text.replaceAll('\n---\n', '\n--- # next\n\n')]) {
    const { request } = new BackupFile('file', each);
    assert.deepEqual(request.postures, postures);
    assert.deepEqual(request.origins, origins);
    assert.deepEqual(request.visibility, visibility);
    assert.deepEqual(
      request.manifests.map((part) => part.trim()),
      manifests.map((part) => part.trim()),
    );
  }
});

test('errors in the file are reported with line and column', () => {
  const wrong: [text: string, message: RegExp][] = [
    ['', /^file: is not a backup: it is empty$/],
    ['kind: KubeArmorPolicy\n', /^file:1:1: is not a backup: its first document must be/],
    [text.replace('file: block', 'file: blok'), /^file:7:5: namespaces\.default: must give classes/],
    [text.replace('file: block', 'files: block'), /^file:7:5: namespaces\.default/],
    [text.replace('namespaces:', 'namespaces: ['), /^file:\d+:\d+: /],
    [
      text.replace('origin: rpc', 'origin: kubernetes'),
      /^file:22:1: must be of kind Policies and have the origin rpc or/,
    ],
    [text.replace('- process', '- everything'), /^file:14:5: settings\[0\]: must give a namespace, classes/],
  ];
  for (const [each, message] of wrong) assert.throws(() => new BackupFile('file', each), { message });
});

test('errors that the daemon finds are reported with their position in the file', () => {
  const violations = [
    { field: 'manifests[0].text', description: 'line 2, column 3: no such field' },
    { field: 'manifests[1]', description: 'policy x is given twice' },
    { field: 'postures[0].namespace', description: 'is no namespace' },
  ];
  const lines = new BackupFile('file', text).explain({ violations } as unknown as HauberkError);
  assert.deepEqual(lines, [
    'file:26:3: text: no such field',
    'file:34: policy x is given twice',
    'file: postures[0].namespace: is no namespace',
  ]);
});

test('policies in a file without origins belong to clients of the API', () => {
  const older = text.replaceAll(/^apiVersion: hauberk\/v1\nkind: Policies\norigin: .*\n---\n/gmu, '');
  assert.deepEqual(
    new BackupFile('file', older).request.origins,
    [1, 1, 1].map(() => PolicyOrigin.RPC),
  );
});

test('a file without visibility leaves the settings of visibility unchanged', () => {
  const older = text.replace(/^apiVersion: hauberk\/v1\nkind: Visibility\n[\s\S]*?---\n/mu, '');
  assert.equal(new BackupFile('file', older).request.visibility, undefined);
});
