import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import { describeRecord } from '../../../src/events/describe.js';
import { EventReader } from '../../../src/events/reader.js';
import { describeRule, type RuleDescription } from '../../../src/events/rule-description.js';
import { RULE_NONE } from '../../../src/image/layout.js';
import { decodeRecord, FLAGS, RECORD, RECORD_BYTES } from '../../../src/kernel/event-record.js';
import { PATH_RESULTS } from '../../../src/kernel/path-results.js';
import { RULE_CLASSES } from '../../../src/policy/model.js';
import { type RecordFields, recordBytes as record } from '../../support/event-record.js';
import { capabilityKey } from '../../support/object-key.js';
import { bind } from '../policy/support.js';

const container: Container = {
  id: 'c1',
  name: 'web-1',
  namespace: 'shop',
  labels: { app: 'web' },
  origin: 'docker',
  namespaces: { pidNamespace: 11, mountNamespace: 12 },
  links: {},
};
const rule: RuleDescription = {
  policy: 'no-shadow',
  policyNamespace: 'shop',
  policyOrigin: 'cli',
  rule: 'file.matchPaths[0]',
  severity: 5,
  tags: ['a'],
  message: 'said',
  class: 'file',
};
const context = {
  containerOf: ({ pidNamespace }: { pidNamespace: number }) => (pidNamespace === 11 ? container : undefined),
  ruleOf: (imageId: number, number: number) => (imageId === 3 && number === 0 ? rule : undefined),
};
const decoded = (fields?: Partial<RecordFields>) => decodeRecord(record(fields))!;
const describe = (fields?: Partial<RecordFields>) =>
  describeRecord(decoded(fields), { ...context, clockOffset: 1000n });

test('a record becomes an event that names container, rule, process and parents', () => {
  assert.deepEqual(describe(), {
    time: 1500n,
    containerId: 'c1',
    containerName: 'web-1',
    namespace: 'shop',
    labels: { app: 'web' },
    policy: 'no-shadow',
    policyNamespace: 'shop',
    policyOrigin: 'cli',
    rule: 'file.matchPaths[0]',
    severity: 5,
    tags: ['a'],
    message: 'said',
    class: 'file',
    operation: 'open',
    object: '/etc/shadow',
    decoded: undefined,
    action: 'Block',
    result: 'denied',
    wouldBlock: false,
    program: '/bin/cat',
    parentProgram: '/bin/dash',
    pid: 7,
    hostPid: 4007,
    parentPid: 1,
    hostParentPid: 4001,
    uid: 1000,
    comm: 'cat',
    imageId: 3,
    suppressed: 0,
  });
});

test("the class is the kernel's, and an event shows that a policy in audit mode would have refused", () => {
  assert.deepEqual(
    RULE_CLASSES.map((ruleClass) => describe({ ruleClass }).class),
    RULE_CLASSES,
  );
  const audited = describeRecord(decodeRecord(record({ action: 1 }))!, {
    ...context,
    ruleOf: () => ({ ...rule, wouldBlock: true }),
    clockOffset: 0n,
  });
  assert.deepEqual([audited.action, audited.result, audited.wouldBlock], ['Audit', 'passed', true]);
});

test('a process that is not the owner is refused by the posture, with the owner rule in a separate field', () => {
  const rule: RuleDescription = {
    ...{
      policy: 'own',
      policyNamespace: 'shop',
      rule: 'file.matchPaths[0]',
      severity: 7,
      tags: ['x'],
      message: 'mine',
    },
    class: 'file',
    allowsOwners: true,
  };
  const lookUp = { containerOf: () => container, ruleOf: () => rule, clockOffset: 0n };
  const outsider = describeRecord(decodeRecord(record({ flags: FLAGS.notOwner }))!, lookUp);
  assert.deepEqual(
    [outsider.policy, outsider.policyNamespace, outsider.rule, outsider.ownerRule, outsider.severity, outsider.message],
    ['DefaultPosture', '', 'file', 'shop/own file.matchPaths[0]', 7, 'mine'],
  );
  const owner = describeRecord(decodeRecord(record())!, lookUp);
  assert.deepEqual([owner.policy, owner.rule, owner.ownerRule], ['own', 'file.matchPaths[0]', undefined]);
  const { allowsOwners } = describeRule(bind({ action: 'Allow', ownerOnly: true }));
  assert.equal(allowsOwners, true);
  for (const other of [bind({ action: 'Block', ownerOnly: true }), bind({ action: 'Allow' })])
    assert.equal(describeRule(other).allowsOwners, undefined);
});

test('an event about a program that is a source has the reason, and only tracing would be refused', () => {
  const lookUp = { ...context, ruleOf: () => ({ ...rule, wouldBlock: true }), clockOffset: 0n };
  const reported = (['trace', 'exec', 'map'] as const).map((operation) =>
    describeRecord(decodeRecord(record({ operation, action: 1, flags: FLAGS.ofSource | FLAGS.notOwner }))!, lookUp),
  );
  assert.deepEqual(
    reported.map(({ policy, wouldBlock }) => [policy, wouldBlock]),
    [
      ['no-shadow', true],
      ['no-shadow', false],
      ['no-shadow', false],
    ],
  );
  for (const [index, reason] of [/traces/, /under the control of another/, /the loader was led/].entries())
    assert.match(reported[index]!.message, reason);
});

test('an audited access has result passed, and a capability is given by name', () => {
  const { action, result, object } = describe({
    operation: 'use',
    ruleClass: 'capabilities',
    action: 1,
    object: capabilityKey(0).toString(),
  });
  assert.deepEqual([action, result, object], ['Audit', 'passed', 'chown']);
});

test('an event has the decoded object of what is no path', () => {
  const { object, decoded } = describe({ operation: 'resolve', ruleClass: 'network', object: 'q.com.example' });
  assert.deepEqual([object, decoded], ['example.com', { kind: 'query', name: 'example.com' }]);
  assert.equal(describe({}).decoded, undefined);
  const named = describe({ pathResult: 'protected', rule: RULE_NONE, object: 'cab' });
  assert.deepEqual([named.object, named.decoded], ['cab', undefined]);
});

test('an access without a readable path has the reason', () => {
  for (const pathResult of PATH_RESULTS.slice(1)) {
    const { policy, rule: named, message } = describe({ pathResult, rule: RULE_NONE });
    const expected = pathResult === 'protected' ? 'SelfProtection' : 'FailClosed';
    assert.deepEqual([policy, named], [expected, pathResult]);
    assert.notEqual(message, '');
  }
});

test('unknown fields are empty', () => {
  const { policy, rule: named, severity } = describe({ rule: 9 });
  assert.deepEqual([policy, named, severity], ['', '', 0]);
});

test('a record that is too short, or has unknown values, is not decoded', () => {
  const good = record();
  assert.equal(decodeRecord(good.subarray(0, RECORD_BYTES - 1)), undefined);
  assert.equal(decodeRecord(good.subarray(0, good.length - 1)), undefined);
  for (const offset of [RECORD.operation, RECORD.rule_class, RECORD.path_result]) {
    const strange = Buffer.from(good);
    strange.writeUInt8(99, offset);
    assert.equal(decodeRecord(strange), undefined);
  }
});

test('the reader hands on records in batches, and reports suppressed containers', async () => {
  const waiting = [decoded(), decoded({ flags: FLAGS.lastToken })];
  const published: number[] = [];
  const ranOut: number[] = [];
  const reader = new EventReader(
    context,
    (events) => published.push(events.length),
    ({ mountNamespace }) => ranOut.push(mountNamespace),
    () => undefined,
  );
  reader.read({
    drain(_limit, take) {
      const taken = waiting.splice(0);
      for (const each of taken) take(each);
      return taken.length;
    },
  });
  assert.deepEqual([published, ranOut], [[2], [12]]);
});

test('the reader yields to other work between batches', async () => {
  let left = 3000;
  const turns: number[] = [];
  const reader = new EventReader(
    context,
    (events) => turns.push(events.length),
    () => undefined,
    () => undefined,
  );
  const waiting = decoded();
  reader.read({
    drain(limit, take) {
      const count = Math.min(limit, left);
      left -= count;
      for (let index = 0; index < count; index++) take(waiting);
      return count;
    },
  });
  assert.deepEqual(turns, [1024]);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  assert.deepEqual(turns, [1024, 1024, 952]);
});
