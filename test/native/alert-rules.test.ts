import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { alertRules } from '../support/prometheus.js';

const DIRECTORY = 'packaging/prometheus';

for (const [what, ...parameters] of [
  ['rules', 'check', 'rules', `${DIRECTORY}/alerts.yml`],
  ['configuration', 'check', 'config', `${DIRECTORY}/prometheus.yml`],
  ['cases of the rules', 'test', 'rules', `${DIRECTORY}/alerts.test.yml`],
] as const) {
  test(`promtool finds nothing wrong with the shipped ${what}`, () => {
    const { status, stdout, stderr } = spawnSync('promtool', parameters, { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  });
}

test('every alert rule has a case in which it fires and one in which it does not', () => {
  const cases = readFileSync(`${DIRECTORY}/alerts.test.yml`, 'utf8');
  for (const name of alertRules().keys()) {
    const results = [...cases.matchAll(new RegExp(`alertname="${name}".*\\n.*\\n +exp_samples:(.*)`, 'g'))];
    const outcomes = new Set(results.map(([, none]) => (none!.trim() === '[]' ? 'silent' : 'fires')));
    assert.ok(outcomes.has('fires') && outcomes.has('silent'), `${name}: ${[...outcomes]}`);
  }
});
