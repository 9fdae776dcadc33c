import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { policyKey } from '../../../src/policy/model.js';
import { compareInSteps, PolicySet } from '../../../src/policy/policy-set.js';
import { finish } from '../../../src/steps.js';
import { makePolicy, makeRule } from './support.js';

const container = { namespace: 'default', labels: { app: 'web', tier: 'front' } };

test('`with` and `without` never change a set', () => {
  const one = PolicySet.empty.with([makePolicy({ name: 'a' })]);
  const two = one.with([makePolicy({ name: 'b' })]);
  const none = one.without('default/a');
  assert.deepEqual([PolicySet.empty.size, one.size, two.size, none.size], [0, 1, 2, 0]);
  assert.equal(one.without('default/absent'), one);
  assert.equal(one.with([]), one);
});

test('a policy replaces one with the same key, also within one list', () => {
  const [first, second, third] = [1, 2, 3].map((severity) => makePolicy({ rules: [makeRule({ severity })] }));
  assert.equal(PolicySet.empty.with([first!]).with([second!]).get('default/sample'), second);
  assert.equal(PolicySet.empty.with([first!, third!]).get('default/sample'), third);
});

test('policies are listed by key, whatever their order of arrival', () => {
  const policies = ['b', 'c', 'a'].map((name) => makePolicy({ name }));
  const other = makePolicy({ namespace: 'apps', name: 'z' });
  assert.deepEqual(
    PolicySet.empty
      .with([...policies, other])
      .list()
      .map(policyKey),
    ['apps/z', 'default/a', 'default/b', 'default/c'],
  );
});

test('a policy reaches the containers of its namespace that carry all its labels', () => {
  const set = PolicySet.empty.with([
    makePolicy({ name: 'both', matchLabels: { tier: 'front', app: 'web' } }),
    makePolicy({ name: 'everything', matchLabels: {} }),
    makePolicy({ name: 'another-value', matchLabels: { app: 'db' } }),
    makePolicy({ name: 'one-too-many', matchLabels: { app: 'web', zone: 'x' } }),
    makePolicy({ name: 'elsewhere', namespace: 'apps', matchLabels: {} }),
    makePolicy({ name: 'inherited-names', matchLabels: { constructor: 'web' } }),
  ]);
  assert.deepEqual(
    set.reaching(container).map(({ name }) => name),
    ['both', 'everything'],
  );
  assert.deepEqual(set.reaching({ namespace: 'absent', labels: {} }), []);
});

test('the rules of all policies that reach a container are bound to their policies', () => {
  const a = makePolicy({ name: 'a', rules: [makeRule(), makeRule({ id: 'file.matchPaths[1]' })] });
  const b = makePolicy({ name: 'b', matchLabels: { app: 'db' } });
  assert.deepEqual(PolicySet.empty.with([b, a]).boundRulesFor(container), [
    { policy: a, rule: a.rules[0] },
    { policy: a, rule: a.rules[1] },
  ]);
});

test('the index finds exactly the policies that a check of every policy finds', () => {
  const labels = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('x', 'y'), { noNullPrototype: true });
  const namespace = fc.constantFrom('one', 'two');
  const policies = fc
    .array(fc.record({ namespace, matchLabels: labels }))
    .map((list) => list.map((policy, index) => makePolicy({ ...policy, name: `p${index}` })));
  fc.assert(
    fc.property(policies, fc.record({ namespace, labels }), (list, subject) => {
      const requested = list.filter(
        (policy) =>
          policy.namespace === subject.namespace &&
          Object.entries(policy.matchLabels).every(([key, value]) => subject.labels[key] === value),
      );
      const found = PolicySet.empty.with(list).reaching(subject);
      assert.deepEqual(new Set(found), new Set(requested));
      assert.equal(found.length, requested.length);
    }),
  );
});

test('after any changes a set finds the same policies as a new set', () => {
  const labels = fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('x', 'y'), { noNullPrototype: true });
  const namespace = fc.constantFrom('one', 'two');
  const policy = fc
    .record({ namespace, matchLabels: labels, name: fc.constantFrom('p', 'q', 'r', 's') })
    .map((each) => makePolicy(each));
  const change = fc.oneof(fc.array(policy, { maxLength: 20 }), policy.map(policyKey));
  const subjects = fc.array(fc.record({ namespace, labels }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(change), subjects, fc.array(fc.boolean()), (changes, containers, requested) => {
      let set = PolicySet.empty;
      changes.forEach((each, index) => {
        set = typeof each === 'string' ? set.without(each) : set.with(each);
        // Some intermediate sets are never queried.
        if (!requested[index % (requested.length + 1)]) return;
        for (const container of containers) set.reaching(container);
      });
      const anew = PolicySet.empty.with(set.list());
      for (const container of containers) {
        assert.deepEqual(set.reaching(container), anew.reaching({ ...container }));
        assert.equal(set.keysReaching(container), anew.keysReaching({ ...container }));
      }
    }),
  );
});

test('a thousand policies over a thousand containers are resolved within a second', () => {
  const shared = { 'app.kubernetes.io/part-of': 'shop' };
  const policies = Array.from({ length: 1000 }, (_, index) =>
    makePolicy({ name: `p${index}`, matchLabels: { ...shared, app: `app-${index}` } }),
  );
  const set = PolicySet.empty.with(policies);
  const start = performance.now();
  let rules = 0;
  for (let index = 0; index < 1000; index++) {
    rules += set.boundRulesFor({ namespace: 'default', labels: { ...shared, app: `app-${index}` } }).length;
  }
  assert.equal(rules, 1000);
  assert.ok(performance.now() - start < 1000);
});

test('a comparison names what was added, changed, removed and left as it was', () => {
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => makePolicy({ name }));
  const before = PolicySet.empty.with([c!, b!, a!]);
  const equal = structuredClone(a!);
  const changed = makePolicy({ name: 'b', rules: [makeRule({ action: 'Audit' })] });
  assert.deepEqual(finish(compareInSteps(before, PolicySet.empty.with([d!, changed, equal]))), {
    added: ['default/d'],
    changed: ['default/b'],
    removed: ['default/c'],
    unchanged: ['default/a'],
  });
});
