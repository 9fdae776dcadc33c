import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { explain } from '../../../src/explain/evaluate.js';
import { compileImage } from '../../../src/image/compile.js';
import { decide } from '../../../src/image/walk.js';
import { belowSuffixes, type NameSearch, searchSuffixes } from '../../../src/policy/cluster-names.js';
import type { Action, BoundRule, NetworkMatch, Policy, Postures } from '../../../src/policy/model.js';
import { ADDRESS_FAMILIES } from '../../../src/policy/network.js';
import { isImplied, resolveRules } from '../../../src/policy/rule-set.js';
import { objectKey } from '../../support/object-key.js';
import { boundRules } from './arbitrary.js';
import { bind } from './support.js';

const postures = { process: 'block', file: 'audit', network: 'block', capabilities: 'audit' } as const;

test('no posture is in force without an Allow rule', () => {
  assert.deepEqual(resolveRules([], postures), { rules: [], postures: {} });
  assert.deepEqual(resolveRules([bind({ action: 'Block' }), bind({ action: 'Audit' })], postures).postures, {});
});

test('an Allow rule brings the posture of its own class into force', () => {
  const file = bind({ class: 'file', action: 'Allow' });
  const process = bind({ class: 'process', action: 'Allow' });
  const inForce = (...bound: BoundRule[]) => resolveRules(bound, postures).postures;
  const { write, map, execute } = inForce(file);
  assert.deepEqual([write, map, execute], ['audit', undefined, undefined]);
  assert.deepEqual(inForce(process), { execute: 'block' });
  const network = bind({ class: 'network', action: 'Allow', match: { kind: 'protocol', protocol: 'tcp' } });
  const all = inForce(file, process, network);
  assert.deepEqual([all.execute, all.read, all.communicate, all.use], ['block', 'audit', 'block', undefined]);
  const mapping = bind({ class: 'file', action: 'Allow', operations: ['map'] });
  assert.equal(inForce(mapping).map, 'audit');
});

test('an Allow rule of a policy in audit mode brings its posture into force only as a report', () => {
  const audited = { policy: { ...bind({}).policy, mode: 'audit' }, rule: bind({ action: 'Allow' }).rule } as const;
  const { postures: inForce, permissivePostures } = resolveRules([audited], postures);
  assert.deepEqual([inForce.read, permissivePostures?.read], [undefined, 'audit']);
});

test('the input is not changed', () => {
  const bound = [bind({ action: 'Allow' }), bind({ action: 'Block' })];
  const before = [...bound];
  resolveRules(bound, postures);
  assert.deepEqual(bound, before);
});

test('the order of the input never matters', () => {
  const oneOfEachName = fc.uniqueArray(boundRules, {
    selector: ({ policy, rule }) => `${policy.namespace}/${policy.name}/${rule.id}`,
  });
  const shuffled = oneOfEachName.chain((bound) =>
    fc.tuple(fc.constant(bound), fc.shuffledSubarray(bound, { minLength: bound.length })),
  );
  fc.assert(
    fc.property(shuffled, ([bound, other]) => {
      assert.deepEqual(resolveRules(bound, postures), resolveRules(other, postures));
    }),
  );
});

const network = (match: NetworkMatch, action: Action, policy: Partial<Policy> = {}) =>
  bind({ class: 'network', action, match, id: `network.${match.kind}` }, policy);
const tcp = { kind: 'protocol', protocol: 'tcp' } as const;
const everything = { kind: 'protocol', protocol: 'all' } as const;
const blocked: Postures = { ...postures, network: 'block' };

/** The decision on a socket, by the image and by the rules one by one. */
function answerTo(family: keyof typeof ADDRESS_FAMILIES, ...bound: BoundRule[]): string {
  const socket = {
    family: ADDRESS_FAMILIES[family],
    type: 1,
    protocol: 0,
    direction: 'none',
    port: 0,
    address: [],
  } as const;
  const ruleSet = resolveRules(bound, blocked);
  const { words } = compileImage(ruleSet);
  const decided = decide(words, objectKey({ kind: 'socket', ...socket }), { programClass: 0 }, 'communicate', 'owner');
  const explained = explain(ruleSet.rules, blocked, {
    operation: 'communicate',
    object: { kind: 'socket', ...socket },
    program: Buffer.from('/x'),
    ownership: 'owner',
    terminal: false,
    arguments: [],
  });
  assert.equal(decided.action, explained.action);
  return explained.action;
}

test('the network posture does not apply to local sockets, and does to other sockets without a rule', () => {
  assert.equal(answerTo('unix', network(tcp, 'Allow')), 'Allow');
  assert.equal(answerTo('netlink', network(tcp, 'Allow')), 'Allow');
  assert.equal(answerTo('packet', network(tcp, 'Allow')), 'Block');
  const name = { kind: 'domain', domain: 'example.com' } as const;
  assert.equal(answerTo('unix', network(name, 'Allow')), 'Allow');
  assert.equal(answerTo('vsock', network(name, 'Allow')), 'Block');
});

test('a rule on families puts local sockets under the posture, and rules that name them still decide', () => {
  const inet = { kind: 'family', family: 'inet' } as const;
  assert.equal(answerTo('unix', network(tcp, 'Allow'), network(inet, 'Block')), 'Block');
  assert.equal(answerTo('unix', network(tcp, 'Allow'), network({ kind: 'family', family: 'unix' }, 'Allow')), 'Allow');
  assert.equal(answerTo('unix', network(tcp, 'Allow', { priority: 9 }), network(everything, 'Block')), 'Block');
  assert.equal(answerTo('unix', network(tcp, 'Allow'), network(everything, 'Audit')), 'Audit');
});

test('a rule on families in audit mode only reports local sockets', () => {
  const audited = network({ kind: 'family', family: 'inet' }, 'Allow', { name: 'audited', mode: 'audit' });
  assert.equal(answerTo('unix', network(tcp, 'Allow'), audited), 'Audit');
  assert.equal(answerTo('unix', network(tcp, 'Allow', { mode: 'audit' })), 'Allow');
});

test('a rule set knows which of its rules are not in any policy', () => {
  const { rules } = resolveRules([network(tcp, 'Allow')], blocked);
  assert.deepEqual(
    rules.filter((bound) => !isImplied(bound)).map(({ rule }) => rule.id),
    ['network.protocol'],
  );
});

test('a name, also one of the cluster, covers itself with the suffixes of the cluster and of the namespace too', () => {
  const name = network({ kind: 'domain', domain: 'example.com' }, 'Allow');
  const below = (bound: readonly BoundRule[], namespace: string, search: NameSearch) =>
    belowSuffixes(bound, searchSuffixes(namespace, search));
  const inCluster = { clusterDomain: 'cluster.local' };
  const names = (bound: readonly BoundRule[]) =>
    bound.map(({ rule: { match } }) => (match.kind === 'domain' ? match.domain : match.kind));
  assert.deepEqual(names(below([name, network(tcp, 'Allow')], 'shop', inCluster)), [
    'example.com',
    'example.com.shop.svc.cluster.local',
    'example.com.svc.cluster.local',
    'example.com.cluster.local',
    'protocol',
  ]);
  const wildcard = network({ kind: 'domain', domain: '*.example.com' }, 'Block');
  assert.equal(names(below([wildcard], '', { clusterDomain: 'c.test' })).at(-1), '*.example.com.c.test');
  const full = network({ kind: 'domain', domain: 'db.shop.svc.cluster.local' }, 'Allow');
  assert.deepEqual(names(below([full], 'shop', inCluster)), [
    'db.shop.svc.cluster.local',
    'db.shop.svc.cluster.local.shop.svc.cluster.local',
    'db.shop.svc.cluster.local.svc.cluster.local',
    'db.shop.svc.cluster.local.cluster.local',
  ]);
  assert.equal(below([name], 'shop', {}).length, 1);
  const besides = { ...inCluster, searchDomains: ['eu.compute.internal'] };
  assert.equal(names(below([name], 'shop', besides)).at(-1), 'example.com.eu.compute.internal');
  assert.deepEqual(names(below([name], 'shop', { searchDomains: ['lan'] })), ['example.com', 'example.com.lan']);
  const long = network({ kind: 'domain', domain: [...Array(4).fill('a'.repeat(60)), 'com'].join('.') }, 'Allow');
  assert.equal(below([long], 'shop', inCluster).length, 1);
});
