import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownNamespaces } from '../../src/containers/procfs.js';
import { ContainerTracker } from '../../src/control/container-tracker.js';
import { IntakeCounts } from '../../src/control/intake-counts.js';
import { UnprotectedContainers } from '../../src/control/protection.js';
import { ContainerIntake } from '../../src/sources/container-intake.js';
import { ContainerStarts } from '../../src/sources/container-starts.js';
import { HookFacts } from '../../src/sources/hook-facts.js';
import { HookServer } from '../../src/sources/hook-server.js';
import { Store } from '../../src/store/store.js';
import { HookFixture } from '../../test/support/hook.js';
import { NamespacedShell } from '../../test/support/namespaced-shell.js';
import type { Group } from '../figures.js';
import { BenchObject } from '../support/bench-object.js';
import { containerMapOf, controlOn, SELECTED } from '../support/control.js';
import { progress } from '../support/progress.js';
import { median } from '../support/statistics.js';

const ignore = () => undefined;
const logger = { debug: ignore, info: ignore, warn: ignore };

/** The hook as Docker's runtime runs it, answered by the daemon's parts from its socket to the store and the kernel's map. */
export const hookGroup: Group = {
  figures: ['hook_ms'],
  async measure({ quick }, record) {
    const starts = quick ? 5 : 51;
    progress(`hook: ${starts} starts, one after the other`);
    const fixture = new HookFixture();
    const object = new BenchObject();
    const store = await Store.open(join(fixture.directory, 'store'));
    const shell = new NamespacedShell();
    try {
      await shell.run('true');
      const { ledger, registry } = controlOn(containerMapOf(object), store);
      await ledger.start([]);
      const root = () => ({ device: 0 });
      const tracker = new ContainerTracker(registry, logger, ownNamespaces().mountNamespace, root);
      const counts = new IntakeCounts();
      const unprotected = new UnprotectedContainers(ignore);
      const intake = new ContainerIntake({ tracker, registry, unprotected, counts, logger });
      const facts = new HookFacts({ dockerSocket: ignore, cri: () => [], hostRoot: '' });
      const answering = new ContainerStarts({ intake, facts, registry, counts, logger, hostRoot: '' });
      const answer = answering.answer.bind(answering);
      const server = new HookServer({ path: fixture.socket, answer, counts, logger, onStatus: ignore });
      await server.listen();
      try {
        record('hook_ms', median(await heldStarts(starts, fixture, shell.pid, tracker)));
      } finally {
        await server.close();
        intake.stop();
        tracker.stop();
        await ledger.stop();
      }
    } finally {
      await shell.end();
      await store.close();
      object.close();
      fixture.remove();
    }
  },
};

/** How long the hook took for each of so many containers, one after the other, in milliseconds. */
async function heldStarts(
  count: number,
  fixture: HookFixture,
  pid: number,
  tracker: ContainerTracker,
): Promise<number[]> {
  const taken: number[] = [];
  for (let number = 0; number <= count; number++) {
    const state = dockerContainer(fixture.directory, number, pid);
    const { status, output, milliseconds } = await fixture.hook('docker', state);
    const by = tracker.registry.get(state.id)?.protection?.by;
    if (status !== 0 || by !== 'hook') throw new Error(`a start was not held: ${output}`);
    // The first one has its policy compiled; the others are of its kind.
    if (number > 0) taken.push(milliseconds);
    await tracker.unregister(state.id);
  }
  return taken;
}

/** What Docker and its runtime write for a container before the hook is called; returns the state that the hook is given. */
function dockerContainer(directory: string, number: number, pid: number) {
  const id = number.toString(16).padStart(64, '0');
  const own = join(directory, 'containers', id);
  const bundle = join(directory, 'bundles', id);
  for (const each of [own, bundle]) mkdirSync(each, { recursive: true });
  const facts = { Name: `/container-${number}`, Config: { Labels: SELECTED, Image: 'bench' } };
  writeFileSync(join(own, 'config.v2.json'), JSON.stringify(facts));
  const configuration = { root: { path: '/' }, mounts: [{ source: join(own, 'hosts'), destination: '/etc/hosts' }] };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(configuration));
  return { ociVersion: '1.0.2', id, status: 'creating', pid, bundle };
}
