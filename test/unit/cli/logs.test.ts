import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timeOf } from '../../../src/cli/commands/logs.js';

const NOW = Date.parse('2026-01-31T12:00:00Z');

test('--since takes durations in seconds to weeks, and dates', () => {
  for (const [text, expected] of [
    ['90s', '2026-01-31T11:58:30.000Z'],
    ['15m', '2026-01-31T11:45:00.000Z'],
    ['1h', '2026-01-31T11:00:00.000Z'],
    ['7d', '2026-01-24T12:00:00.000Z'],
    ['2w', '2026-01-17T12:00:00.000Z'],
    ['2026-01-30', '2026-01-30T00:00:00.000Z'],
    ['2026-01-30T10:00:00+02:00', '2026-01-30T08:00:00.000Z'],
    ['999999999w', '1970-01-01T00:00:00.000Z'],
  ] as const)
    assert.equal(new Date(timeOf(text, NOW)).toISOString(), expected, text);
});

test('--since refuses what is neither', () => {
  for (const text of ['', '1', '1y', '-1h', '1.5h', 'yesterday'])
    assert.throws(() => timeOf(text, NOW), /is neither a duration, such as 1h, nor a date/u, text);
});
