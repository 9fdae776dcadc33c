import { execFileSync } from 'node:child_process';
import { Client } from '../../test/support/client.js';
import { Daemon } from '../../test/support/daemon.js';
import { EngineStarts } from '../../test/support/starts/engine-starts.js';
import { accessesThrough, FIRST_ACCESS, withFirstAccessRoot } from '../../test/support/starts/first-access.js';
import {
  DEFAULT_PATHS,
  forbiddingPolicy,
  IMAGE,
  installHook,
  LABELS,
} from '../../test/support/starts/first-instruction.js';
import type { Recorder, Scope } from '../figures.js';
import { progress } from '../support/progress.js';
import { median } from '../support/statistics.js';

const PAIRS = { quick: 3, complete: 31 };
/** Names in Docker's configuration: the real runtime, and the one that `hauberk runtime install` adds. */
const WITHOUT = 'runc';
const WITH = 'hauberk';

/** The time that the hook adds to Docker's start of a container that a policy selects. */
export async function measureContainerStarts({ quick }: Scope, record: Recorder): Promise<void> {
  execFileSync('tools/vm/docker', { stdio: 'inherit' });
  const engines = [WITHOUT, WITH].map((runtime) => new EngineStarts('docker', runtime, 'own')) as [
    EngineStarts,
    EngineStarts,
  ];
  await withFirstAccessRoot((root) => engines[0].importImage(root, IMAGE));
  const daemon = new Daemon();
  await daemon.start(...DEFAULT_PATHS);
  const client = new Client(daemon.address);
  await client.call('PolicyService', 'ApplyPolicy', { manifest: forbiddingPolicy('bench', LABELS) });
  installHook('docker', '--reload');

  const pairs = quick ? PAIRS.quick : PAIRS.complete;
  progress(`container starts: ${pairs} pairs`);
  let count = 0;
  const time = async (engine: EngineStarts) => {
    const start = { name: `start-${count++}`, image: IMAGE, command: [FIRST_ACCESS], labels: LABELS };
    const { milliseconds, status, refusal } = await engine.start(start);
    if (status === undefined) throw new Error(refusal);
    if (engine.runtime === WITH && accessesThrough(status).length > 0) throw new Error('the hook does not protect');
    return milliseconds;
  };
  // Not measured: the first start reads files from the disk.
  for (const engine of engines) await time(engine);
  const samples: [number, number][] = [];
  for (let pair = 0; pair < pairs; pair++) {
    // The order alternates, so that neither always comes second.
    const second = pair % 2 === 0 ? undefined : await time(engines[1]);
    const first = await time(engines[0]);
    samples.push([first, second ?? (await time(engines[1]))]);
  }
  const show = (index: 0 | 1) => median(samples.map((sample) => sample[index])).toFixed(0);
  progress(`container starts: ${show(0)} ms without the hook, ${show(1)} ms with it`);
  record('vm_start_ratio_hook', median(samples.map(([first, second]) => second / first)));
  client.close();
  await daemon.end('SIGTERM');
}
