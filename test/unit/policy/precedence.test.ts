import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PathMatch } from '../../../src/policy/model.js';
import { compareRules, specificity } from '../../../src/policy/precedence.js';
import { boundRules } from './arbitrary.js';
import { bind } from './support.js';

const exact = (path: string): PathMatch => ({ kind: 'exact', path });
const pattern = (text: string): PathMatch => ({ kind: 'pattern', pattern: text });
const directory = (path: string): PathMatch => ({ kind: 'directory', directory: path, recursive: true });

test('a rule with a source comes before a more specific one without', () => {
  const sourced = bind({ match: directory('/'), sources: ['/bin/cat'], action: 'Allow' });
  const plain = bind({ match: exact('/etc/shadow'), action: 'Block' });
  assert.ok(compareRules(sourced, plain) < 0);
});

test('an exact path comes before a pattern and a pattern before a directory', () => {
  const rules = [directory('/etc/ssl/private/'), pattern('/etc/*'), exact('/e')].map((match) => bind({ match }));
  assert.deepEqual(
    rules.sort(compareRules).map(({ rule }) => rule.match.kind),
    ['exact', 'pattern', 'directory'],
  );
});

test('between two of a kind the longer literal prefix comes first', () => {
  assert.ok(compareRules(bind({ match: directory('/etc/ssl/') }), bind({ match: directory('/etc/') })) < 0);
  assert.ok(compareRules(bind({ match: pattern('/etc/sh*') }), bind({ match: pattern('/etc/*shadow') })) < 0);
});

test('on the same path the stronger action comes first', () => {
  const rules = (['Allow', 'Block', 'Audit'] as const).map((action) => bind({ action }));
  assert.deepEqual(
    rules.sort(compareRules).map(({ rule }) => rule.action),
    ['Block', 'Audit', 'Allow'],
  );
});

test('a domain comes between a single address and a block of addresses, a longer one first', () => {
  const domain = (text: string) => ({ kind: 'domain', domain: text }) as const;
  const endpoint = (cidr: string, rest = {}) => ({ kind: 'endpoint', cidr, ...rest }) as const;
  const ordered = [
    endpoint('10.0.0.1/32'),
    domain('www.example.com'),
    domain('*.example.com'),
    domain('example.com'),
    endpoint('fd00::/127', { ports: '443', protocol: 'tcp', direction: 'egress' }),
    { kind: 'endpoint', ports: '53' },
    { kind: 'domain', domain: 'example.com', lookup: true },
  ] as const;
  const rules = [...ordered].reverse().map((match) => bind({ class: 'network', match }));
  assert.deepEqual(
    rules.sort(compareRules).map(({ rule }) => rule.match),
    ordered,
  );
});

test('names decide between otherwise equal rules', () => {
  assert.ok(compareRules(bind({}, { name: 'a' }), bind({}, { name: 'b' })) < 0);
  assert.ok(compareRules(bind({}, { namespace: 'b', name: 'a' }), bind({}, { namespace: 'a', name: 'b' })) > 0);
  assert.ok(compareRules(bind({ id: 'file.matchPaths[0]' }), bind({ id: 'file.matchPaths[1]' })) < 0);
});

test('a literal prefix is counted in bytes, up to the first wildcard, escapes resolved', () => {
  assert.equal(specificity(exact('/é')), 3);
  assert.equal(specificity(directory('/etc/')), 5);
  assert.equal(specificity(pattern('/etc/*shadow')), 5);
  assert.equal(specificity(pattern('/a\\*b?c')), 4);
  assert.equal(specificity(pattern('/a{b,c}')), 2);
  assert.equal(specificity(pattern('/a[bc]')), 2);
});

test('the order is total: antisymmetric, and equal only for the same rule of the same policy', () => {
  fc.assert(
    fc.property(boundRules, boundRules, (a, b) => {
      assert.equal(Math.sign(compareRules(a, b)) + Math.sign(compareRules(b, a)), 0);
      assert.equal(compareRules(a, a), 0);
      const sameName = a.policy.name === b.policy.name && a.policy.namespace === b.policy.namespace;
      if (compareRules(a, b) === 0) assert.ok(sameName && a.rule.id === b.rule.id);
    }),
  );
});

test('the order is transitive', () => {
  fc.assert(
    fc.property(boundRules, boundRules, boundRules, (...rules) => {
      const [a, b, c] = rules.sort(compareRules) as [(typeof rules)[0], (typeof rules)[0], (typeof rules)[0]];
      assert.ok(compareRules(a, b) <= 0 && compareRules(b, c) <= 0 && compareRules(a, c) <= 0);
    }),
  );
});
