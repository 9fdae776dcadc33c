import { connect } from '../../src/client/index.js';
import { closeHostile, connectHostile, HOSTILE_REQUESTS } from '../../test/support/hostile-requests.js';
import { plainPolicies } from '../../test/support/many-policies.js';
import { MeasuredProcess } from '../../test/support/measured-process.js';
import type { Group } from '../figures.js';
import { progress } from '../support/progress.js';

const CONTAINERS = 1000;
const POLICIES = 10_000;
const SYNC_MILLISECONDS_MAX = 120_000;

/** How much a client can delay others: the daemon's services without a kernel, in a process of their own. */
export const hostileGroup: Group = {
  figures: ['hostile_stall_ms', 'sync_s_10000_policies', 'sync_cpu_s_10000_policies'],
  async measure({ quick, wants }, record) {
    const daemon = await MeasuredProcess.start(CONTAINERS);
    try {
      if (wants('hostile_stall_ms')) record('hostile_stall_ms', await worstOfRequests(daemon, quick));
      if (!wants('sync_s_10000_policies') && !wants('sync_cpu_s_10000_policies')) return;
      const processor = await daemon.processor();
      record('sync_s_10000_policies', await synchronise(daemon));
      record('sync_cpu_s_10000_policies', ((await daemon.processor()) - processor) / 1000);
    } finally {
      await daemon.end();
    }
  },
};

/** As test/native/hostile-clients.test.ts measures each request. */
async function worstOfRequests(daemon: MeasuredProcess, quick: boolean): Promise<number> {
  const clients = connectHostile(daemon.address);
  const requests = quick ? HOSTILE_REQUESTS.slice(-3) : HOSTILE_REQUESTS;
  // Not measured: the first run of code is slow.
  for (const { send } of requests.slice(-3)) await send(clients);
  let worst = { name: 'none', turn: 0 };
  for (const { name, send } of requests) {
    const turn = await daemon.bestLongestTurn(() => send(clients));
    progress(`hostile: ${name}: ${turn.toFixed(1)} ms`);
    if (turn > worst.turn) worst = { name, turn };
  }
  progress(`hostile: the longest turn: ${worst.name}, ${worst.turn.toFixed(1)} ms`);
  closeHostile(clients);
  return worst.turn;
}

async function synchronise(daemon: MeasuredProcess): Promise<number> {
  progress(`hostile: ${POLICIES} policies synchronised`);
  const client = connect({ address: daemon.address, timeoutMilliseconds: SYNC_MILLISECONDS_MAX });
  const policies = plainPolicies(POLICIES);
  const began = performance.now();
  await client.policies.syncPolicies({ policies });
  const seconds = (performance.now() - began) / 1000;
  client.close();
  return seconds;
}
