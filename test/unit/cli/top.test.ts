import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DenialCounts } from '../../../src/cli/denials.js';
import { toEventMessage } from '../../../src/rpc/event-message.js';
import { eventually } from '../../support/eventually.js';
import { makeEvent } from '../events/support.js';
import { start } from './support.js';

const read = makeEvent();
const passed = makeEvent({ policy: 'other', result: 'passed', action: 'Audit' });
const elsewhere = makeEvent({ containerName: 'db-1', object: '/root/\u001b[2Jx', rule: 'file.matchDirectories[0]' });

const EVENTS = [elsewhere, read, read, passed, makeEvent({ suppressed: 40, policy: 'RateLimit' })];

test('denials are counted by access, the most frequent first, and the number of unreported ones is shown', () => {
  const counts = new DenialCounts(['container']);
  for (const event of EVENTS) counts.add(toEventMessage(event));
  counts.miss(3);
  assert.deepEqual(
    counts.list().map(({ key, denied, passed: letThrough }) => [key.container, denied, letThrough]),
    [
      ['web-1', 2, 1],
      ['db-1', 1, 0],
    ],
  );
  assert.deepEqual(counts.notes(), ['40 more were not listed one by one: there were too many', '3 events were missed']);
});

test('hauberk top shows denials by container, policy and rule', async (t) => {
  const { live, hub } = await start(t);
  const { terminal, ended } = live(['top'], { outIsTerminal: true, columns: 200 });
  await eventually(() => terminal.errors === 'hauberk: counting\n');
  hub.publish(EVENTS);
  await eventually(() => terminal.output.includes('3 denials so far'));
  terminal.interrupt();
  assert.equal(await ended, 0);
  const lines = terminal.output.split('\u001b[H\u001b[2J').at(-1)!.trimEnd().split('\n').slice(2);
  assert.deepEqual(
    lines.map((line) => line.split(/ {2,}/u)),
    [
      ['DENIED', 'CONTAINER', 'POLICY', 'RULE', 'LAST', 'ACCESS'],
      ['2', 'web-1', 'default/no-shadow', 'file.matchPaths[0]', '22:13:20', 'file open /etc/shadow'],
      ['1', 'db-1', 'default/no-shadow', 'file.matchDirectories[0]', '22:13:20', 'file open /root/\\x1b[2Jx'],
      ['40 more were not listed one by one: there were too many'],
    ],
  );
});

test('on a terminal hauberk top redraws when denials arrive, within its width', async (t) => {
  const { live, hub } = await start(t);
  const { terminal, ended } = live(['top', '--by', 'program', 'object'], { outIsTerminal: true });
  await eventually(() => terminal.errors !== '');
  hub.publish([makeEvent({ object: `/${'x'.repeat(200)}` })]);
  await eventually(() => terminal.output.includes('1 denials so far'));
  terminal.interrupt();
  assert.equal(await ended, 0);
  const lines = terminal.output.split('\u001b[H\u001b[2J').at(-1)!.trimEnd().split('\n');
  assert.match(lines[3]!, /^1 +\/bin\/cat +\/x+…$/u);
  assert.ok(lines.every((line) => line.length <= 80));
});

test('hauberk top ends after the requested time', async (t) => {
  const { hauberk } = await start(t);
  assert.equal((await hauberk('top', '--for', '0.01', '-o', 'json')).output, '[]\n');
  assert.equal((await hauberk('top', '--for', '0')).status, 2);
});
