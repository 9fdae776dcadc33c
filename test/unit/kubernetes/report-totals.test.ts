import assert from 'node:assert/strict';
import { test } from 'node:test';
import { totalsOf } from '../../../src/kubernetes/report-totals.js';

test('what nodes say of a policy is added up, and the first that does not enforce it is named', () => {
  const totals = totalsOf([
    { node: 'a', enforcing: true, reason: '', policies: { 'x/one': [2, 1, 0], 'x/two': [1, 0] } },
    { node: 'b', enforcing: false, reason: 'no hook', policies: { 'x/one': [3, 0, 2] } },
    { node: 'c', enforcing: false, reason: 'no map', policies: { 'x/one': [1, 0, 0] } },
  ]);
  assert.deepEqual(Object.fromEntries(totals), {
    'x/one': { containers: 6, leftOut: 1, overridden: 2, nodes: 3, troubled: { node: 'b', reason: 'no hook' } },
    'x/two': { containers: 1, leftOut: 0, overridden: 0, nodes: 1 },
  });
});
