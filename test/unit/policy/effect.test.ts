import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ownership } from '../../../src/policy/effect.js';
import { effectOf, OPERATIONS } from '../../../src/policy/effect.js';
import { RULE_CLASSES, type Rule } from '../../../src/policy/model.js';
import { makeRule } from './support.js';

/** The effects on execute, read and write. */
function effects(rule: Partial<Rule>, ownership: Ownership) {
  return (['execute', 'read', 'write'] as const).map((operation) => effectOf(makeRule(rule), operation, ownership));
}

test('a process rule covers execution only and a file rule of reading and writing only', () => {
  assert.deepEqual(effects({ class: 'process', action: 'Block' }, 'other'), ['Block', undefined, undefined]);
  assert.deepEqual(effects({ class: 'file', action: 'Audit' }, 'owner'), [undefined, 'Audit', 'Audit']);
});

test('a rule covers the operations of its own class only', () => {
  const operationsOf = (ruleClass: Rule['class']) =>
    OPERATIONS.filter((operation) => effectOf(makeRule({ class: ruleClass }), operation, 'other') !== undefined);
  const ofClasses = Object.fromEntries(RULE_CLASSES.map((each) => [each, operationsOf(each)]));
  assert.deepEqual(ofClasses, {
    process: ['execute'],
    file: ['read', 'write', 'create', 'delete', 'rename', 'link', 'attributes'],
    network: ['communicate'],
    capabilities: ['use'],
    filesystems: ['access'],
    mounts: ['mount'],
    ptrace: ['trace'],
    namespaces: ['unshare'],
    presets: ['behave'],
    syscalls: ['call'],
  });
  // Only where a rule names it.
  assert.equal(effectOf(makeRule({ operations: ['map'] }), 'map', 'other'), 'Block');
  const domain = makeRule({ class: 'network', match: { kind: 'domain', domain: 'example.com' } });
  assert.equal(effectOf(domain, 'resolve', 'other'), 'Block');
});

test('a read-only Block or Audit rule allows reading and applies to writing', () => {
  assert.deepEqual(effects({ action: 'Block', readOnly: true }, 'other'), [undefined, 'Allow', 'Block']);
  assert.deepEqual(effects({ action: 'Audit', readOnly: true }, 'other'), [undefined, 'Allow', 'Audit']);
});

test('a read-only Allow rule allows reading and does not apply to writing', () => {
  assert.deepEqual(effects({ action: 'Allow', readOnly: true }, 'other'), [undefined, 'Allow', undefined]);
});

test('an owner-only Allow or Block rule allows the owner and refuses others', () => {
  for (const action of ['Allow', 'Block'] as const) {
    assert.deepEqual(effects({ action, ownerOnly: true }, 'owner'), [undefined, 'Allow', 'Allow']);
    assert.deepEqual(effects({ action, ownerOnly: true }, 'other'), [undefined, 'Block', 'Block']);
  }
});

test('an owner-only Audit reports everyone but the owner', () => {
  assert.deepEqual(effects({ action: 'Audit', ownerOnly: true }, 'owner'), [undefined, 'Allow', 'Allow']);
  assert.deepEqual(effects({ action: 'Audit', ownerOnly: true }, 'other'), [undefined, 'Audit', 'Audit']);
});

test('a rule that is read-only and owner-only allows only the owner, and only reading', () => {
  const rule = { action: 'Block', ownerOnly: true, readOnly: true } as const;
  assert.deepEqual(effects(rule, 'owner'), [undefined, 'Allow', 'Block']);
  assert.deepEqual(effects(rule, 'other'), [undefined, 'Block', 'Block']);
});
