import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { EngineStarts } from '../support/starts/engine-starts.js';
import {
  accessesThrough,
  FIRST_ACCESS,
  FORBIDDEN,
  withFirstAccessRoot,
  withOtherLinksRoot,
} from '../support/starts/first-access.js';
import {
  DEFAULT_PATHS,
  forbiddingPolicy,
  IMAGE,
  installHook,
  LABELS,
  STATE_DIRECTORY,
  uninstallHook,
} from '../support/starts/first-instruction.js';
import type { StartResult } from '../support/starts/start-path.js';

const OTHER_LINKS_IMAGE = 'hauberk.test/other-links:1';
const NOTES = join(STATE_DIRECTORY, 'starts-without-protection.jsonl');
const FILLER = join(STATE_DIRECTORY, 'filler');

const daemon = new Daemon();
const client = new Client(daemon.address);
const docker = new EngineStarts('docker');

before(async () => {
  execFileSync('tools/vm/docker', { stdio: 'inherit' });
  await withFirstAccessRoot((root) => docker.importImage(root, IMAGE));
  await withOtherLinksRoot((root) => docker.importImage(root, OTHER_LINKS_IMAGE));
  // A disk of its own, which can be filled.
  mkdirSync(STATE_DIRECTORY, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', STATE_DIRECTORY]);
  await startDaemon();
  await client.call('PolicyService', 'ApplyPolicy', { manifest: forbiddingPolicy('by-label', LABELS) });
  installHook('docker', '--reload', '--when-unanswered', 'refuse');
});

after(async () => {
  uninstallHook('docker', '--reload');
  client.close();
  await daemon.end('SIGKILL');
  // The last test unmounts it, if it gets that far.
  spawnSync('umount', ['--lazy', STATE_DIRECTORY]);
});

const startDaemon = () => daemon.start(...DEFAULT_PATHS);

let started = 0;

function start(image = IMAGE, program = FORBIDDEN.program, labels: Record<string, string> = LABELS) {
  const command = [FIRST_ACCESS, FORBIDDEN.file, program];
  return docker.start({ name: `start-${started++}`, image, command, labels });
}

function assertProtected(result: StartResult): void {
  assert.deepEqual([result.refusal, accessesThrough(result.status!)], [undefined, []]);
}

function assertUnprotected(result: StartResult): void {
  assert.deepEqual([result.refusal, accessesThrough(result.status!)], [undefined, ['file', 'program', 'socket']]);
}

function assertRefused(result: StartResult, reason: RegExp): void {
  assert.equal(result.status, undefined);
  assert.match(result.refusal!, /Hauberk refuses to start the container/);
  assert.match(result.refusal!, reason);
}

/** Leaves no byte free on the disk of the daemon's state. */
function fillDisk(): void {
  for (let bytes = 1024 * 1024; bytes >= 1; bytes = Math.floor(bytes / 16)) {
    try {
      for (;;) appendFileSync(FILLER, Buffer.alloc(bytes));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
  }
  assert.equal(statfsSync(STATE_DIRECTORY).bavail, 0);
}

test("at a container's first access rules are already resolved by its image's links, not by the host's", async () => {
  const labels = { app: 'other-links' };
  const manifest = forbiddingPolicy('other-links', labels, { ...FORBIDDEN, program: '/bin/sh' });
  await client.call('PolicyService', 'ApplyPolicy', { manifest });
  assertProtected(await start(OTHER_LINKS_IMAGE, '/bin/sh', labels));
});

test('a container that cannot be stored is refused with the cause, and starts once it can be', async () => {
  fillDisk();
  try {
    let result = await start();
    // The last page of the database's log may have room for a few more.
    for (let tries = 0; tries < 10 && result.refusal === undefined; tries++) {
      assertProtected(result);
      result = await start();
    }
    assertRefused(result, /no space left|ENOSPC/i);
  } finally {
    rmSync(FILLER);
  }
  assertProtected(await start());
});

test('a container is refused while no daemon runs, if the hook is to refuse', async () => {
  await daemon.end('SIGKILL');
  assertRefused(await start(), /hook\.sock/);
});

test('a container starts while no daemon runs, if the hook is to allow it, and the next daemon reports it', async () => {
  installHook('docker', '--when-unanswered', 'allow');
  assertUnprotected(await start());
  const [note, ...more] = readFileSync(NOTES, 'utf8').trim().split('\n');
  assert.equal(more.length, 0);
  assert.match(note!, /docker/);
  await startDaemon();
  assert.match(daemon.log, /a container has started without protection/);
  assert.ok(!existsSync(NOTES));
  const lines = (await daemon.metrics()).split('\n');
  assert.ok(lines.includes('hauberk_starts_without_protection_total 1'), lines.join('\n'));
  assertProtected(await start());
});

test("no start fails because somebody has deleted the daemon's files, even if the hook is set to refuse", async () => {
  installHook('docker', '--when-unanswered', 'refuse');
  await daemon.end('SIGKILL');
  execFileSync('umount', ['--lazy', STATE_DIRECTORY]);
  rmSync(STATE_DIRECTORY, { recursive: true });
  assertUnprotected(await start());
});
