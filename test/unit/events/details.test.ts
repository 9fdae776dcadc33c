import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DetailsLookup } from '../../../src/events/details.js';
import { recordOf } from '../../support/event-record.js';
import { temporaryDirectory } from '../rpc/support.js';

const HOST = { hostName: 'node-1', machineId: 'abc' };
const NOTHING = { ...HOST, image: '', commandLine: [], workingDirectory: '', terminal: '' };

test('an event has command line, working directory, terminal and both user ids', (t) => {
  const root = temporaryDirectory(t);
  const process = join(root, '42');
  mkdirSync(process);
  writeFileSync(join(process, 'stat'), '42 (a) b) S 1 42 42 34817 42 4194304 0');
  writeFileSync(join(process, 'cmdline'), Buffer.from('cat\0-n\0/etc/\xff\0\0', 'latin1'));
  writeFileSync(join(process, 'uid_map'), '         0     100000      65536\n');
  symlinkSync('/srv/a', join(process, 'cwd'));
  const record = recordOf({ hostPid: 42, comm: 'a) b', uid: 101_000 });
  assert.deepEqual(new DetailsLookup(HOST, root).of(record, undefined), {
    ...HOST,
    image: '',
    commandLine: ['cat', '-n', '/etc/\\xff', ''],
    workingDirectory: '/srv/a',
    terminal: 'pts/1',
    containerUid: 1000,
  });
  // Another process has the id by now.
  assert.deepEqual(new DetailsLookup(HOST, root).of({ ...record, comm: 'other' }, undefined), NOTHING);
});

test('an event of a process that has ended has only the details that do not come from the process table', async () => {
  const child = spawn('true');
  await once(child, 'close');
  assert.deepEqual(new DetailsLookup(HOST).of(recordOf({ hostPid: child.pid! }), undefined), NOTHING);
});

test('in a flood of processes the process table is not read, and that is counted', (t) => {
  t.mock.method(performance, 'now', () => 5000);
  const lookup = new DetailsLookup(HOST, '/nowhere');
  for (let hostPid = 1; hostPid <= 12_000; hostPid++) lookup.of(recordOf({ hostPid }), undefined);
  assert.ok(lookup.omitted > 0);
});

test('for a parent that has ended its last known program is used for some seconds', () => {
  const lookup = new DetailsLookup(HOST);
  const parent = recordOf({ hostPid: 7, program: '/bin/sh', hostParentPid: 1, parentProgram: '/sbin/init' });
  assert.equal(lookup.parentOf(parent), '/sbin/init');
  const child = recordOf({ hostPid: 8, hostParentPid: 7, parentProgram: '' });
  assert.equal(lookup.parentOf(child), '/bin/sh');
  assert.equal(lookup.parentOf({ ...child, hostPid: 9, time: 60_000_000_000n }), '');
  assert.equal(lookup.parentOf({ ...child, hostParentPid: 99 }), '');
});
