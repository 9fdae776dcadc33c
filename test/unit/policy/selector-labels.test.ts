import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifest } from '../../../src/policy/manifest.js';
import { NameExpression } from '../../../src/policy/name-expression.js';
import { PolicySet, selects } from '../../../src/policy/policy-set.js';
import { carries } from '../../../src/policy/selector-labels.js';
import { makePolicy, options, refusalOf } from './support.js';

const NAME = 'kubearmor.io/container.name';
const HOST = 'kubearmor.io/hostname';
const EXPRESSION = 'kubearmor.io/hostnamereg';

test('a host is selected by any of its names, by a list of names, and by an expression', () => {
  const labels = { [HOST]: 'node-42', 'kubernetes.io/arch': 'amd64' };
  const accepted: [string, string][] = [
    [HOST, '*'],
    [HOST, 'node-42'],
    [HOST, 'node-1,node-42'],
    [HOST, 'node-1, node-42'],
    [EXPRESSION, 'node-*'],
    [EXPRESSION, '^node-[0-9]+$'],
    [EXPRESSION, '^(a|node)-\\d{0}'.replace('{0}', '')],
    ['kubernetes.io/arch', 'amd64'],
  ];
  for (const [key, value] of accepted) assert.equal(carries(labels, key, value), true, `${key}: ${value}`);
  const others: [string, string][] = [
    [HOST, 'node'],
    [HOST, 'node-4,node-1'],
    [HOST, ''],
    [EXPRESSION, '^ode'],
    [EXPRESSION, 'node$'],
    ['kubernetes.io/arch', '*'],
  ];
  for (const [key, value] of others) assert.equal(carries(labels, key, value), false, `${key}: ${value}`);
  assert.equal(carries({}, HOST, '*'), false);
});

test('a container is selected by its name, by a list and by an expression, and every container by an empty value', () => {
  for (const value of ['web', '[web]', '[db, web]', '["db","web"]', '[]', '', '.*', '^w.b$', '[ ]'])
    assert.equal(carries({ [NAME]: 'web' }, NAME, value), true, value);
  for (const value of ['web-1', '[db]', 'w.b', '^we$', 'WEB'])
    assert.equal(carries({ [NAME]: 'web' }, NAME, value), false, value);
  // A container that a controller registers need not have the label.
  assert.equal(carries({}, NAME, '[web, db]', 'web'), true);
  assert.equal(carries({ [NAME]: 'other' }, NAME, 'web', 'web'), false);
});

test('the index finds such labels too, beside others and in expressions', () => {
  const set = PolicySet.empty.with([
    makePolicy({ name: 'list', matchLabels: { [NAME]: '[a, web]' } }),
    makePolicy({ name: 'both', matchLabels: { [NAME]: '', app: 'shop' } }),
    makePolicy({ name: 'other', matchLabels: { [NAME]: '[]', app: 'db' } }),
    makePolicy({
      name: 'expression',
      matchLabels: {},
      matchExpressions: [{ key: 'label', operator: 'In', values: [`${NAME}=[web]`] }],
    }),
    makePolicy({ name: 'hosts', namespace: '', scope: 'host', matchLabels: { [HOST]: '*' } }),
  ]);
  const container = { namespace: 'default', labels: { [NAME]: 'web', app: 'shop' } };
  assert.deepEqual(
    set.reaching(container).map(({ name }) => name),
    ['both', 'expression', 'list'],
  );
  const host = { namespace: '', labels: { [HOST]: 'node-1' }, isHost: true };
  assert.deepEqual(
    set.reaching(host).map(({ name }) => name),
    ['hosts'],
  );
  assert.ok(selects(set.get('default/list')!, container));
});

test('an expression matches like one of JavaScript', () => {
  const names = ['', 'web', 'web-1', 'a', 'b', 'aab', 'ba', 'abab'];
  const expressions = [
    ...['a+b', '^a*b$', '(a|b)+$', '(ab?)*b', '[^a]b', '^(?:ab)+$', 'a?', '^$', 'w|^b', '(a*)*b', '((a|b)?)+', '()b'],
    ...['a+?b', '^b??a$', 'a|', '\\w-\\d', '[a-c-]+', '^(web(-\\d)?|a+)$', '(^a|b)b', 'a$|b$'],
  ];
  for (const text of expressions) {
    for (const name of names) {
      assert.equal(new NameExpression(text).matchesIn(name), new RegExp(text, 'u').test(name), `${text} in ${name}`);
    }
  }
});

test('no expression takes long, whatever repetitions it contains', () => {
  const depth = 51;
  const expression = new NameExpression(`${'(.?'.repeat(depth)}${')+'.repeat(depth)}Z`);
  assert.equal(expression.matchesIn('x'.repeat(253)), false);
});

test('an invalid expression is refused with its position', () => {
  const text = (value: string) => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: hosts}
spec:
  nodeSelector:
    matchLabels:
      ${EXPRESSION}: ${JSON.stringify(value)}
  file: {matchPaths: [{path: /etc/shadow}]}
`;
  for (const [value, problem] of [
    ['a(b', 'has a `(` without `)`'],
    ['a)b', 'has a `)` without `(`'],
    ['[a', 'has a `[` without `]`'],
    ['*a', 'has a `*` with nothing before it that could be repeated'],
    ['a{2}', 'counts repetitions with `{`, which is not supported: write them out'],
    ['\\q', 'has the escape `\\q`, which is not supported'],
  ] as const) {
    assert.deepEqual(
      refusalOf(() => readManifest(text(value), options)),
      [
        `line 7, column ${9 + EXPRESSION.length}: spec.nodeSelector.matchLabels["${EXPRESSION}"]: must be a regular expression over names: it ${problem}`,
      ],
      value,
    );
  }
  assert.equal(readManifest(text('^node-(a|b)+$'), options).length, 1);
});

test('an expression costs little, however it is written', () => {
  const expression = `${'(a*)*'.repeat(20)}b`;
  assert.equal(carries({ [HOST]: 'a'.repeat(64) }, EXPRESSION, expression), false);
});
