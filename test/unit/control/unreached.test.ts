import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAboutReach, Unreached } from '../../../src/control/unreached.js';
import { makePolicy } from '../policy/support.js';

type Subjects = readonly (readonly [namespace: string, labels: Record<string, string>, name?: string])[];

function warning(subjects: Subjects, policy: Parameters<typeof makePolicy>[0] = {}, host?: Record<string, string>) {
  const containers = new Map(
    subjects.map(([namespace, labels, name = ''], index) => [`c${index}`, { namespace, labels, name }]),
  );
  const itself = host && { labels: host, name: 'node-1' };
  const unreached = new Unreached({ containers }, { host: itself });
  const text = unreached.warningFor(makePolicy({ namespace: 'shop', ...policy }));
  assert.equal(unreached.warningFor(makePolicy({ namespace: 'shop', ...policy })), text);
  assert.equal(isAboutReach(text), true, text);
  return text;
}

const NONE = 'the selector reaches no container at present';

test('without containers the warning has no hints', () => {
  assert.equal(warning([]), NONE);
  assert.equal(warning([], { scope: 'cluster' }), NONE);
});

test('for a namespace without containers the warning lists the namespaces with containers', () => {
  const subjects: Subjects = [
    ['web', { app: 'x' }],
    ['default', {}],
    ['web', {}],
  ];
  assert.equal(warning(subjects), `${NONE}: namespace shop has none, there are some in default, web`);
  const many = Array.from({ length: 12 }, (_, index) => [`n${index + 10}`, {}] as const);
  const named = many.slice(0, 10).map(([name]) => name);
  assert.equal(warning(many), `${NONE}: namespace shop has none, there are some in ${named.join(', ')} and 2 more`);
  assert.match(warning(many.slice(0, 10)), /n19$/u);
});

test("the warning lists existing labels of the namespace, those with the selector's keys first", () => {
  const subjects: Subjects = [
    ['shop', { zone: 'a', app: 'cart' }],
    ['shop', { app: 'api' }],
    ['web', { app: 'elsewhere' }],
  ];
  const labels = `${NONE}: labels there are`;
  assert.equal(warning(subjects, { matchLabels: { zone: 'b' } }), `${labels} zone=a, app=api, app=cart`);
  assert.equal(warning(subjects, { matchLabels: { none: 'b' } }), `${labels} app=api, app=cart, zone=a`);
  assert.equal(
    warning(subjects, {
      matchLabels: {},
      matchExpressions: [
        { key: 'namespace', operator: 'In', values: ['app'] },
        { key: 'label', operator: 'In', values: ['zone=b'] },
      ] as never,
    }),
    `${labels} zone=a, app=api, app=cart`,
  );
  assert.equal(
    warning(subjects, { scope: 'cluster', matchLabels: { app: 'x' } }),
    `${labels} app=api, app=cart, app=elsewhere, zone=a`,
  );
  assert.equal(warning([['shop', {}]]), `${NONE}: containers there carry no labels`);
});

test('names of containers are listed as the labels that select by them, unless a label has the name', () => {
  const subjects: Subjects = [
    ['shop', {}, 'db'],
    ['shop', { app: 'web', 'kubearmor.io/container.name': 'web' }, 'web-1'],
  ];
  assert.equal(
    warning(subjects, { matchLabels: { 'kubearmor.io/container.name': 'api' } }),
    `${NONE}: labels there are kubearmor.io/container.name=db, kubearmor.io/container.name=web, app=web, ` +
      'hauberk.io/container.name=db, hauberk.io/container.name=web-1',
  );
});

test('ten labels are listed, and the others are counted', () => {
  const values = (count: number, key: string) =>
    Array.from({ length: count }, (_, index) => ['shop', { [key]: `${index + 10}` }] as const);
  const text = warning([...values(8, 'app'), ...values(5, 'zone')], { matchLabels: { zone: 'x' } });
  const named = [10, 11, 12, 13, 14]
    .map((each) => `zone=${each}`)
    .concat([10, 11, 12, 13, 14].map((each) => `app=${each}`));
  assert.equal(text, `${NONE}: labels there are ${named.join(', ')} and 3 more`);
  const all = warning(values(14, 'zone'), { matchLabels: { zone: 'x' } });
  assert.match(all, /zone=10, .*zone=19 and 4 more$/u);
  assert.match(warning(values(10, 'zone'), { matchLabels: { zone: 'x' } }), /zone=19$/u);
});

test('for a policy for the host the warning lists its labels, or says that such policies are off', () => {
  assert.equal(
    warning([], { scope: 'host' }, { zone: 'a', 'kubernetes.io/os': 'linux' }),
    'the selector does not reach this host, whose labels are kubernetes.io/os=linux, zone=a',
  );
  assert.equal(warning([], { scope: 'host' }), 'policies for the host are off: hauberkd was started with --rescue');
  assert.equal(isAboutReach('something else'), false);
});
