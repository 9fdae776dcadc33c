import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { readManifest } from '../../../src/policy/manifest.js';
import { toDocumentInSteps, toManifest } from '../../../src/policy/manifest-text.js';
import { finish } from '../../../src/steps.js';
import { policies } from './arbitrary.js';
import { ALLOW_WITH_SOURCES } from './published.js';
import { options } from './support.js';

test('a policy is written with common fields of its rules only once', () => {
  const { policy } = readManifest(ALLOW_WITH_SOURCES, options)[0]!;
  assert.equal(
    toManifest(policy),
    `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata:
  name: web-zero-trust
  namespace: default
spec:
  severity: 10
  selector:
    matchLabels:
      container: ubuntu-1
  file:
    matchPaths:
      - path: /secret.txt
        readOnly: true
        ownerOnly: true
        action: Allow
    matchDirectories:
      - dir: /
        recursive: true
        action: Allow
      - dir: /etc/
        action: Audit
      - dir: /credentials/
        fromSource:
          - path: /readwrite
        readOnly: true
        action: Allow
`,
  );
});

test('exceptions of a preset are written and read back', () => {
  const except = '[{path: /a}, {dir: /b/, recursive: true}, {dir: /c/}, {pattern: /d/*}]';
  const text = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: a}
spec: {selector: {matchLabels: {a: b}}, presets: [{name: drift, except: ${except}}, {name: drift, except: []}]}`;
  const { policy } = readManifest(text, options)[0]!;
  assert.deepEqual(
    policy.rules.map(({ match }) => match),
    [
      {
        kind: 'preset',
        preset: 'drift',
        except: [
          { kind: 'exact', path: '/a' },
          { kind: 'directory', directory: '/b/', recursive: true },
          { kind: 'directory', directory: '/c/', recursive: false },
          { kind: 'pattern', pattern: '/d/*' },
        ],
      },
      { kind: 'preset', preset: 'drift' },
    ],
  );
  assert.deepEqual(readManifest(toManifest(policy), options)[0]!.policy, policy);
});

test('loader libraries are written and read back', () => {
  const libraries = '[{path: /a.so}, {dir: /b/, recursive: true}, {dir: /c/}, {pattern: /d/*.so}]';
  const text = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: a}
spec: {selector: {matchLabels: {a: b}}, loaderLibraries: ${libraries}, file: {matchPaths: [{path: /a}]}}`;
  const { policy } = readManifest(text, options)[0]!;
  assert.deepEqual(policy.loaderLibraries, [
    { kind: 'exact', path: '/a.so' },
    { kind: 'directory', directory: '/b/', recursive: true },
    { kind: 'directory', directory: '/c/', recursive: false },
    { kind: 'pattern', pattern: '/d/*.so' },
  ]);
  assert.deepEqual(readManifest(toManifest(policy), options)[0]!.policy, policy);
  assert.equal(readManifest(text.replace(libraries, '[]'), options)[0]!.policy.loaderLibraries, undefined);
});

test('a written policy is read back as an equal policy', () => {
  fc.assert(
    fc.property(policies, (policy) => {
      const documents = readManifest(toManifest(policy), options);
      assert.deepEqual(
        documents.map((document) => document.policy),
        [policy],
      );
    }),
    { numRuns: 300 },
  );
});

test('a policy as an object is the same as in text', () => {
  fc.assert(
    fc.property(policies, (policy) => {
      const document = finish(toDocumentInSteps(policy));
      assert.deepEqual(JSON.parse(JSON.stringify(document)), parse(toManifest(policy)));
    }),
    { numRuns: 100 },
  );
});
