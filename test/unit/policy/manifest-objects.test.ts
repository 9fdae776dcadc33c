import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifest, readPlacedManifest } from '../../../src/policy/manifest.js';
import { toManifest } from '../../../src/policy/manifest-text.js';
import { options, refusalOf } from './support.js';

const policy = (
  name: string,
  spec = 'file: {matchPaths: [{path: /etc/shadow}]}',
) => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: web}}
  ${spec}
`;
const KYVERNO = 'apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: x}\nspec: {rules: []}\n';
const NETWORK = 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\n';
const LIST = (items: string) => `apiVersion: v1\nkind: List\nmetadata: {resourceVersion: ""}\nitems:\n${items}`;
const itemOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line, index) => `${index === 0 ? '- ' : '  '}${line}\n`)
    .join('');

test('a List is read item by item, and errors are reported with item and position', () => {
  const text = LIST(itemOf(policy('a')) + itemOf(policy('b')));
  assert.deepEqual(
    readManifest(text, options).map(({ policy: { name } }) => name),
    ['a', 'b'],
  );
  const broken = LIST(itemOf(policy('a')) + itemOf(policy('b', 'file: {matchPaths: [{path: shadow}]}')));
  assert.deepEqual(
    refusalOf(() => readManifest(broken, options)),
    ['line 16, column 32: items[1].spec.file.matchPaths[0].path: must be absolute, that is start with `/`'],
  );
  assert.match(
    refusalOf(() => readManifest(LIST(itemOf(policy('a')) + itemOf(policy('a'))), options))[0]!,
    /given twice/u,
  );
});

test('other kinds are refused or, on request, skipped and counted, also in lists', () => {
  const text = [policy('a'), KYVERNO, LIST(itemOf(NETWORK) + itemOf(policy('b')))].join('---\n');
  assert.equal(refusalOf(() => readManifest(text, options)).length, 4);
  const { documents, foreign } = readPlacedManifest(text, { ...options, ignoreForeign: true });
  assert.deepEqual(
    documents.map((each) => each.policy.name),
    ['a', 'b'],
  );
  assert.deepEqual(foreign, ['kyverno.io/v1 ClusterPolicy', 'networking.k8s.io/v1 NetworkPolicy']);
  assert.deepEqual(readPlacedManifest(KYVERNO, { ...options, ignoreForeign: true }).documents, []);
});

test('what is wrong within objects that are skipped is not reported, unless it leaves open what they are', () => {
  const ignoreForeign = { ...options, ignoreForeign: true };
  const merged = `${NETWORK}spec: &base {podSelector: {}}\nstatus: {<<: *base}\n`;
  const doubled = `${NETWORK}spec: {podSelector: {}, podSelector: {}}\n`;
  const text = [merged, doubled, LIST(itemOf(doubled) + itemOf(policy('a')))].join('---\n');
  const { documents, foreign } = readPlacedManifest(text, ignoreForeign);
  assert.deepEqual(
    documents.map((each) => each.policy.name),
    ['a'],
  );
  assert.equal(foreign.length, 3);
  const twice = policy('b', 'severity: 1\n  severity: 2\n  file: {matchPaths: [{path: /x}]}');
  assert.deepEqual(
    refusalOf(() => readManifest(LIST(itemOf(doubled) + itemOf(twice)), ignoreForeign)),
    ['line 15, column 5: items[1].spec.severity: field `severity` is given twice'],
  );
  assert.deepEqual(
    refusalOf(() => readManifest(policy('a') + NETWORK, ignoreForeign)),
    [
      'line 7, column 1: apiVersion: field `apiVersion` is given twice',
      'line 8, column 1: kind: field `kind` is given twice',
    ],
    'two objects that no `---` separates',
  );
  assert.deepEqual(
    refusalOf(() => readManifest(`${LIST(itemOf(policy('a')))}items:\n${itemOf(NETWORK)}`, ignoreForeign)),
    ['line 11, column 1: items: field `items` is given twice'],
  );
});

test('a misspelt or missing kind, and one that only KubeArmor has, is refused even if other kinds are skipped', () => {
  for (const text of [
    policy('a').replace('KubeArmorPolicy', 'KubeArmourPolicy'),
    policy('a').replace('KubeArmorPolicy', 'KubeArmorNetworkPolicy'),
    policy('a').replace('KubeArmorPolicy', 'Other'),
    policy('a').replace(/^kind.*\n/mu, ''),
  ])
    assert.equal(refusalOf(() => readManifest(text, { ...options, ignoreForeign: true })).length, 1);
});

test('unrendered Helm templates are reported, without errors that follow from them', () => {
  const text = policy('a').replace(
    '{name: a}',
    '\n  name: {{ .Values.name }}\n  namespace: {{ .Release.Namespace | quote }}',
  );
  assert.deepEqual(
    refusalOf(() => readManifest(`# {{ .Values.comment }}\n${text}`, options)),
    [
      'line 5, column 9: manifest: `{{ .Values.name }}` is left of a Helm chart: render it first, with `helm template`',
      'line 6, column 14: manifest: `{{ .Release.Namespace | quote }}` is left of a Helm chart: render it first, with `helm template`',
    ],
  );
  const [document] = readManifest(
    policy('a', 'message: "{{ .Values.message }}"\n  file: {matchPaths: [{path: /x}]}'),
    options,
  );
  assert.match(document!.warnings[0]!, /^line 6, column 13: `\{\{ \.Values\.message \}\}` is left of a Helm chart/u);
  assert.deepEqual(
    readManifest(policy('a', 'file: {matchPatterns: [{pattern: "/x/{{a},{b}}"}]}'), options)[0]!.warnings,
    [],
  );
});

test('a merge key is reported once, without errors that follow from it', () => {
  const text = `${policy('a').replace('{name: a}', '\n  <<: {name: a}')}`;
  assert.deepEqual(
    refusalOf(() => readManifest(text, options)),
    [
      'line 4, column 3: metadata["<<"]: is a merge key, which YAML 1.2 does not have: write its fields out, or take an alias for a whole value',
    ],
  );
  const labels = policy('a').replace('{app: web}', '{<<: {app: web}}');
  assert.equal(refusalOf(() => readManifest(labels, options)).length, 1);
});

test('each repetition of a duplicate key is reported once', () => {
  const text = policy('a', 'severity: 1\n  severity: 2\n  severity: 3\n  file: {matchPaths: [{path: /x}]}');
  assert.deepEqual(
    refusalOf(() => readManifest(text, options)),
    [
      'line 7, column 3: spec.severity: field `severity` is given twice',
      'line 8, column 3: spec.severity: field `severity` is given twice',
    ],
  );
});

test('fields that only KubeArmor has, and labels outside of matchLabels, are reported as such', () => {
  const refusalWith = (piece: string, replacement: string) =>
    refusalOf(() => readManifest(policy('a').replace(piece, replacement), options));
  assert.deepEqual(refusalWith('selector: {matchLabels: {app: web}}', 'selector: {app: web}'), [
    'line 5, column 14: spec.selector.app: unknown field `app`: labels stand in `matchLabels`, write `selector: {matchLabels: {app: web}}`',
  ]);
  const existing = "is part of KubeArmor's language, not of Hauberk's";
  assert.deepEqual(refusalWith('  file:', '  device: {matchDevice: [{class: MASS-STORAGE}]}\n  file:'), [
    `line 6, column 3: spec.device: \`device\` ${existing}`,
  ]);
  assert.deepEqual(
    refusalWith('file: {matchPaths: [{path: /etc/shadow}]}', 'network: {matchProtocols: [{protocol: tcp, pts: true}]}'),
    [`line 6, column 46: spec.network.matchProtocols[0].pts: \`pts\` ${existing}`],
  );
  assert.deepEqual(readManifest(policy('a', 'device: {}\n  file: {matchPaths: [{path: /x}]}'), options).length, 1);
  const [line, ...more] = refusalWith('KubeArmorPolicy', 'KubeArmorNetworkPolicy');
  assert.deepEqual(more, []);
  assert.ok(line!.startsWith(`line 2, column 7: kind: \`KubeArmorNetworkPolicy\` ${existing}`), line);
});

test('`pts: false` holds for processes with a terminal, and both values are written back as given', () => {
  for (const [pts, terminal] of [
    ['', undefined],
    [', pts: true', false],
    [', pts: false', true],
  ] as const) {
    for (const entry of [
      `process: {matchPaths: [{path: /bin/sleep${pts}}]}`,
      `file: {matchDirectories: [{dir: /x/${pts}}]}`,
    ]) {
      const read = readManifest(policy('a', entry), options)[0]!.policy;
      assert.equal(read.rules[0]!.terminal, terminal, entry);
      assert.deepEqual(readManifest(toManifest(read), options)[0]!.policy, read);
    }
  }
});

test('more problems than in a response of the daemon can be requested', () => {
  const paths = Array.from({ length: 300 }, (_, index) => `{path: x${index}}`).join(', ');
  const text = policy('a', `file: {matchPaths: [${paths}]}`);
  assert.equal(refusalOf(() => readManifest(text, options)).length, 101);
  assert.equal(refusalOf(() => readManifest(text, { ...options, problemsMax: Number.POSITIVE_INFINITY })).length, 300);
});

/** The refusal of a policy with this selector, and the labels of the policy that has what the refusal says in its place. */
function mendedWith(text: string, selector: string) {
  const [line, ...more] = refusalOf(() => readManifest(text, options));
  const advice = /labels stand in `matchLabels`, write `(.*)`$/u.exec(line!)?.[1];
  assert.ok(advice !== undefined, line);
  const [mended] = readManifest(
    text.replace(selector, () => advice),
    options,
  );
  return { labels: mended!.policy.matchLabels, more };
}

test('what is advised for labels outside of matchLabels is YAML with all of them as the strings they are', () => {
  const container = 'kubearmor.io/container.name';
  for (const value of ['[c1, c2]', '', 'c1', 'a.b/c-d_e', 'true', 'no', 'null', '7', '1e3', '~', '`a`', 'a"b\\\\c']) {
    const selector = `selector: {${container}: ${JSON.stringify(value)}}`;
    const { labels, more } = mendedWith(policy('a').replace('selector: {matchLabels: {app: web}}', selector), selector);
    assert.deepEqual([labels, more], [{ [container]: value }, []]);
  }
  const host = policy('a').replace('KubeArmorPolicy', 'KubeArmorHostPolicy');
  for (const value of ['*', '&x', '*x', '!x', '@x', '- a', 'a: b', 'a #b', '%x', '{a}', "'a'"]) {
    const selector = `nodeSelector: {kubearmor.io/hostname: ${JSON.stringify(value)}}`;
    const { labels, more } = mendedWith(host.replace('selector: {matchLabels: {app: web}}', selector), selector);
    assert.deepEqual([labels, more], [{ 'kubearmor.io/hostname': value }, []]);
  }
});

test('one advice names all labels of a selector, those that stand right already too', () => {
  const selector = 'selector: {app: "*", matchLabels: {zone: a}, "tier 1": web, version: 2, owner: }';
  const { labels, more } = mendedWith(policy('a').replace('selector: {matchLabels: {app: web}}', selector), selector);
  assert.deepEqual(labels, { zone: 'a', app: '*', 'tier 1': 'web', version: '2', owner: '' });
  assert.deepEqual(more, []);
  const refusalWith = (written: string) =>
    refusalOf(() => readManifest(policy('a').replace('{matchLabels: {app: web}}', written), options));
  assert.deepEqual(
    refusalWith('{app: web, matchExpressions: [{key: label, operator: In, values: [a=b]}], matchLables: {}}'),
    [
      'line 5, column 14: spec.selector.app: unknown field `app`: labels stand in `matchLabels`, write `matchLabels: {app: web}` ' +
        'beside `matchExpressions`',
      'line 5, column 87: spec.selector.matchLables: unknown field `matchLables`, did you mean `matchLabels`?',
    ],
  );
  const many = Array.from({ length: 200 }, (_, index) => `l${index}: x`).join(', ');
  assert.deepEqual(refusalWith(`{${many}}`), [
    'line 5, column 14: spec.selector.l0: unknown field `l0`: labels stand in `matchLabels`, move all of them there',
  ]);
});
