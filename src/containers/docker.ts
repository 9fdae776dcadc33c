import { createInterface } from 'node:readline';
import type Docker from 'dockerode';
import type { ContainerDescription } from './container.js';

/** Labels by which policies for plain Docker select one container. */
const NAME_LABELS = ['hauberk.io/container.name', 'kubearmor.io/container.name'];
const KUBERNETES_NAMESPACE = 'io.kubernetes.pod.namespace';
const KUBERNETES_NAME = 'io.kubernetes.container.name';
const BACKOFF_MILLISECONDS = { first: 200, most: 5000 };

export interface DockerWatch {
  readonly socketPath: string;
  /** A container runs; told again after each reconnection. */
  readonly onContainer: (description: ContainerDescription, pid: number) => Promise<void>;
  readonly onGone: (id: string) => Promise<void>;
  /** After each (re)connection: these run, and no others. */
  readonly onRunning: (ids: ReadonlySet<string>) => Promise<void>;
  readonly onConnection: (connected: boolean) => void;
  readonly logger: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

/** Follows the containers of a Docker daemon until stopped, across its restarts. */
export function watchDocker(watch: DockerWatch): { stop(): void } {
  let stopped = false;
  let stream: NodeJS.ReadableStream | undefined;
  let timer: NodeJS.Timeout | undefined;
  let backoff = BACKOFF_MILLISECONDS.first;

  const follow = async (): Promise<void> => {
    // Here, for it takes longer to load than all the rest of the daemon.
    const { default: Client } = await import('dockerode');
    const docker = new Client({ socketPath: watch.socketPath });
    if (stopped) return;
    // The events first: what happens while the list is read is not lost.
    stream = await docker.getEvents({ filters: { type: ['container'], event: ['start', 'die', 'destroy'] } });
    const lines = createInterface({ input: stream });
    watch.onConnection(true);
    backoff = BACKOFF_MILLISECONDS.first;
    await reconcile(docker, watch);
    for await (const line of lines) await handle(docker, watch, line);
  };

  const run = async (): Promise<void> => {
    try {
      await follow();
      watch.logger.warn({}, 'Docker has closed its event stream');
    } catch (error) {
      watch.logger.info({ reason: (error as Error).message }, 'Docker cannot be reached');
    }
    watch.onConnection(false);
    if (stopped) return;
    timer = setTimeout(run, backoff);
    backoff = Math.min(backoff * 2, BACKOFF_MILLISECONDS.most);
  };

  void run();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      (stream as { destroy?(): void } | undefined)?.destroy?.();
    },
  };
}

async function reconcile(docker: Docker, watch: DockerWatch): Promise<void> {
  const running = await docker.listContainers();
  await watch.onRunning(new Set(running.map(({ Id }) => Id)));
  for (const { Id } of running) await introduce(docker, watch, Id);
}

async function handle(docker: Docker, watch: DockerWatch, line: string): Promise<void> {
  let event: { Action?: unknown; Actor?: { ID?: unknown } };
  try {
    event = JSON.parse(line);
  } catch {
    watch.logger.warn({ line: line.slice(0, 200) }, 'Docker sent an event that cannot be read');
    return;
  }
  const id = event.Actor?.ID;
  if (typeof id !== 'string') return;
  if (event.Action === 'start') await introduce(docker, watch, id);
  else await watch.onGone(id);
}

async function introduce(docker: Docker, watch: DockerWatch, id: string): Promise<void> {
  try {
    const { Name, State, Config } = await docker.getContainer(id).inspect();
    if (!State.Running || State.Pid === 0) return;
    await watch.onContainer(describe(id, Name.replace(/^\//, ''), Config.Labels ?? {}), State.Pid);
  } catch (error) {
    // It may be gone again; its end is reported apart.
    watch.logger.info({ container: id, reason: (error as Error).message }, 'cannot take a container from Docker');
  }
}

function describe(id: string, dockerName: string, labels: Record<string, string>): ContainerDescription {
  const name = labels[KUBERNETES_NAME] ?? dockerName;
  const named = Object.fromEntries(NAME_LABELS.map((label) => [label, name]));
  return {
    id,
    name,
    namespace: labels[KUBERNETES_NAMESPACE] ?? 'default',
    labels: { ...named, ...labels },
    origin: 'docker',
  };
}
