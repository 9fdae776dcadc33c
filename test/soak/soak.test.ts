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
/** The load pauses after each part, so that nothing is held for clients. In the first half everything reaches its final size. */
const PARTS = 10;
/** A connection that ended with a violation of HTTP/2 is closed when its keepalive fails, after 22 seconds. */
const REST_MILLISECONDS = 25_000;
/** A directory for heap snapshots in the middle and at the end, which show what has grown. */
const SNAPSHOTS = process.env.HAUBERK_SOAK_SNAPSHOTS;
const MEBIBYTE = 1024 * 1024;
/** The allowed growth in a part of the second half. */
const GROWTH_MAX: Holding = {
  heap: 0.5 * MEBIBYTE,
  buffers: 0.5 * MEBIBYTE,
  resident: 5 * MEBIBYTE,
  descriptors: 0.5,
  threads: 0.5,
};

async function ask<Answer>(child: ChildProcess): Promise<Answer> {
  const [answer] = await once(child, 'message');
  return answer as Answer;
}

/** The slope of a line through equidistant values: the median of those between any two, which no single value changes much. */
function growthOf(values: readonly number[]): number {
  const slopes = values
    .flatMap((late, end) => values.slice(0, end).map((early, start) => (late - early) / (end - start)))
    .toSorted((a, b) => a - b);
  return (slopes[(slopes.length - 1) >> 1]! + slopes[slopes.length >> 1]!) / 2;
}

test(`after ${SECONDS} seconds of everything that clients do, memory, descriptors and threads have ceased to grow`, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-soak-'));
  const authority = new CertificateAuthority(directory);
  authority.issue('server', '/CN=server', ['DNS:localhost']);
  authority.issue('viewer', '/CN=viewer');
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
    const isCompared = part === PARTS / 2 || part === PARTS - 1;
    server.send(SNAPSHOTS && isCompared ? join(SNAPSHOTS, `part-${part + 1}.heapsnapshot`) : '');
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
  const later = held.slice(PARTS / 2);
  for (const what of Object.keys(GROWTH_MAX) as (keyof Holding)[]) {
    const growth = growthOf(later.map((each) => each[what]));
    t.diagnostic(`${what} grew by ${growth.toFixed(1)} in a part of the second half`);
    assert.ok(growth <= GROWTH_MAX[what], `${what} grew by ${growth} in a part of the second half`);
  }
});
