import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SecurityEvent } from '../../../src/events/event.js';
import { compileFilter, type EventFilter } from '../../../src/events/filter.js';
import { makeEvent } from './support.js';

describe('an event filter', () => {
  test('without fields accepts everything', () => {
    assert.equal(compileFilter({})(makeEvent()), true);
    const empty = { containerIds: [], policies: [], classes: [], minimumSeverity: 0, labels: {} };
    assert.equal(compileFilter(empty)(makeEvent()), true);
  });

  const cases: [string, EventFilter, Partial<SecurityEvent>][] = [
    ['container ids', { containerIds: ['c1', 'c9'] }, { containerId: 'c2' }],
    ['container names', { containerNames: ['web-1'] }, { containerName: 'web-2' }],
    ['namespaces', { namespaces: ['default'] }, { namespace: 'other' }],
    ['policies', { policies: ['no-shadow'] }, { policy: 'DefaultPosture' }],
    ['policies with their namespace', { policies: ['default/no-shadow'] }, { policyNamespace: 'other' }],
    ['classes', { classes: ['file'] }, { class: 'process' }],
    ['actions', { actions: ['Block'] }, { action: 'Audit' }],
    ['results', { results: ['denied'] }, { result: 'passed' }],
    ['a minimum severity', { minimumSeverity: 5 }, { severity: 4 }],
    ['labels', { labels: { app: 'web', tier: 'front' } }, { labels: { app: 'web' } }],
  ];
  for (const [subject, filter, other] of cases) {
    test(`by ${subject} accepts only matching events`, () => {
      const accepts = compileFilter(filter);
      assert.equal(accepts(makeEvent()), true);
      assert.equal(accepts(makeEvent(other)), false);
    });
  }

  test('by policies with their origin accepts only those of that origin', () => {
    for (const policies of [['cli:no-shadow'], ['cli:default/no-shadow', 'rpc:other']]) {
      const accepts = compileFilter({ policies });
      assert.equal(accepts(makeEvent({ policyOrigin: 'cli' })), true);
      assert.equal(accepts(makeEvent({ policyOrigin: 'rpc' })), false);
      assert.equal(accepts(makeEvent()), false);
    }
    assert.equal(compileFilter({ policies: ['no-shadow'] })(makeEvent({ policyOrigin: 'cli' })), true);
  });

  test('takes several values of a field as alternatives', () => {
    const accepts = compileFilter({ policies: ['other/no-shadow', 'no-passwd', 'default/no-shadow'] });
    assert.equal(accepts(makeEvent()), true);
    assert.equal(accepts(makeEvent({ policy: 'no-passwd', policyNamespace: 'any' })), true);
    assert.equal(accepts(makeEvent({ policy: 'no-hosts' })), false);
  });

  test('requires all fields to match', () => {
    const accepts = compileFilter({ classes: ['file'], minimumSeverity: 6 });
    assert.equal(accepts(makeEvent({ severity: 6 })), true);
    assert.equal(accepts(makeEvent({ severity: 5 })), false);
    assert.equal(accepts(makeEvent({ severity: 6, class: 'process' })), false);
  });
});
