import { type ChildProcess, spawn } from 'node:child_process';
import { after } from 'node:test';
import type { Container, ContainerDescription, ContainerOrigin } from '../../src/containers/container.js';
import { processIdentity } from '../../src/containers/procfs.js';
import type { ContainerProcess, RegisterOptions } from '../../src/control/container-tracker.js';
import { IntakeCounts } from '../../src/control/intake-counts.js';
import { UnprotectedContainers } from '../../src/control/protection.js';
import { ContainerIntake } from '../../src/sources/container-intake.js';
import { RecordingLogger } from './recording-sink.js';

const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill('SIGKILL');
});

/** A process that runs until it is ended. */
export function sleeper(): { readonly pid: number; end(): Promise<void> } {
  const child = spawn('sleep', ['1000']);
  children.push(child);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    pid: child.pid!,
    end() {
      child.kill('SIGKILL');
      return exited;
    },
  };
}

/** Of starts that are held until they are answered. */
export const HELD: AbortSignal = new AbortController().signal;

export function description(id: string, change: Partial<ContainerDescription> = {}): ContainerDescription {
  return { id, name: `name-of-${id}`, namespace: 'default', labels: {}, origin: 'docker', ...change };
}

/** Keeps what is registered, and fails where a test says so. */
export class MemoryTracker {
  readonly containers = new Map<string, Container>();
  readonly calls: string[] = [];
  failure: Error | undefined;
  /** Awaited by registrations. */
  gate: Promise<void> = Promise.resolve();
  underWay = 0;
  mostUnderWay = 0;

  async register(
    known: ContainerDescription,
    { pid, firstProcess, root }: ContainerProcess,
    { by, onVisible }: RegisterOptions,
  ): Promise<void> {
    this.calls.push(`register ${known.id} ${known.name} by ${by}${firstProcess ? ` first ${root ?? ''}` : ''}`);
    this.underWay++;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    await this.gate;
    this.underWay--;
    if (this.failure !== undefined) throw this.failure;
    this.containers.set(known.id, {
      ...known,
      namespaces: { pidNamespace: pid, mountNamespace: pid },
      links: {},
      process: processIdentity(pid),
      protection: { by, since: 1 },
    });
    onVisible?.();
  }

  async unregister(id: string): Promise<void> {
    this.calls.push(`unregister ${id}`);
    this.containers.delete(id);
  }

  get(id: string): Container | undefined {
    return this.containers.get(id);
  }

  list(): Container[] {
    return [...this.containers.values()];
  }
}

/** An intake with its collaborators. */
export function intake() {
  const tracker = new MemoryTracker();
  const logger = new RecordingLogger();
  const counts = new IntakeCounts();
  const unprotected = new UnprotectedContainers(() => undefined);
  const retry = { first: 5, most: 20 };
  const made = new ContainerIntake({ tracker, registry: tracker, unprotected, counts, logger, retry });
  const sink = (name: string, origin: ContainerOrigin = 'docker') => made.sinkOf({ key: name, name, origin });
  return { tracker, logger, counts, unprotected, intake: made, sink };
}
