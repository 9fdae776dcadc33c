import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CertificateAuthority } from '../support/certificates.js';
import { load } from './load.js';
import type { Holding, Listening } from './server.js';

const SECONDS = Number(process.env.HAUBERK_SOAK_SECONDS ?? 600);
/** The load pauses after each part, so that nothing is held for clients. */
const PARTS = 10;
/** The first parts, in which everything reaches its final size. */
const WARM_UP = 7;
/** A connection that ended with a violation of HTTP/2 is closed when its keepalive fails, after 22 seconds. */
const REST_MILLISECONDS = 25_000;
const MEBIBYTE = 1024 * 1024;
/** The allowed growth from the lower value of the two parts after the warm-up to that of the last two. */
const GROWTH_MAX: Holding = {
  heap: 4 * MEBIBYTE,
  buffers: 4 * MEBIBYTE,
  resident: 40 * MEBIBYTE,
  // A thread that is started when needed has four.
  descriptors: 5,
  threads: 1,
};

async function ask<Answer>(child: ChildProcess): Promise<Answer> {
  const [answer] = await once(child, 'message');
  return answer as Answer;
}

const lowest = (held: readonly Holding[], what: keyof Holding) => Math.min(...held.map((each) => each[what]));

test(`after ${SECONDS} seconds of everything that clients do, memory, descriptors and threads are what they were`, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-soak-'));
  new CertificateAuthority(directory).issue('server', '/CN=server', ['DNS:localhost']);
  const server = fork('build/test/soak/server.js', [directory]);
  t.after(async () => {
    server.disconnect();
    await once(server, 'exit');
    rmSync(directory, { recursive: true });
  });
  const listening = await ask<Listening>(server);
  const held: Holding[] = [];
  const done: Record<string, number> = {};
  for (let part = 0; part < PARTS; part++) {
    const runs = await load({ ...listening, directory }, (SECONDS * 1000) / PARTS - REST_MILLISECONDS);
    await sleep(REST_MILLISECONDS);
    server.send('report');
    const now = await ask<Holding>(server);
    held.push(now);
    const { heap, buffers, resident, descriptors, threads } = now;
    const [ofHeap, ofBuffers, all] = [heap, buffers, resident].map((bytes) => (bytes / MEBIBYTE).toFixed(1));
    t.diagnostic(
      `heap ${ofHeap} MiB, buffers ${ofBuffers} MiB, resident ${all} MiB, ${descriptors} descriptors, ${threads} threads`,
    );
    for (const [name, count] of Object.entries(runs)) done[name] = (done[name] ?? 0) + count;
  }
  t.diagnostic(
    Object.entries(done)
      .map(([name, count]) => `${count} ${name}`)
      .join(', '),
  );
  assert.deepEqual(
    Object.keys(done).filter((name) => done[name] === 0),
    [],
    'these have done nothing',
  );
  const after = held.slice(WARM_UP);
  const [early, late] = [after.slice(0, 2), after.slice(-2)];
  for (const what of Object.keys(GROWTH_MAX) as (keyof Holding)[]) {
    const growth = lowest(late, what) - lowest(early, what);
    assert.ok(growth <= GROWTH_MAX[what], `${what} grew by ${growth}`);
  }
});
