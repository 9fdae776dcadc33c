import {
  ConfigureResponse,
  type Container,
  ContainerRequest,
  ContainerState,
  Empty,
  Event,
  type PodSandbox,
  StateChangeEvent,
  SynchronizeRequest,
  SynchronizeResponse,
} from '../../generated/nri/nri.js';
import type { ContainerSink, SourceContainer } from '../source.js';
import { startingContainer } from './containers.js';
import {
  answerMilliseconds,
  type HeldStarts,
  type StartingContainer,
  type WhenUnprotected,
  type WhenUnprotectedOf,
} from './held-starts.js';
import { Status, TtrpcError } from './ttrpc.js';
import type { Method } from './ttrpc-server.js';

/** Pods and containers together: more than a host runs, and few enough to keep in memory briefly. */
const SYNCHRONIZED_MAX = 200_000;
const EVENTS = [Event.START_CONTAINER, Event.STOP_CONTAINER, Event.REMOVE_CONTAINER];
const NOTHING = Empty.encode({}).finish();

export interface PluginOptions {
  readonly sink: ContainerSink;
  readonly starts: HeldStarts;
  readonly whenUnprotected: WhenUnprotectedOf;
  /** The runtime is told what happens to starts that are not answered. */
  readonly onConfigured: (whenUnanswered: WhenUnprotected) => void;
  /** The runtime is about to tell the sink what runs. */
  readonly onSynchronized: () => void;
  /** The runtime may have given up on the answer to its list, and ask no more. */
  readonly onLate: () => void;
  readonly onShutdown: () => void;
  /** How long the data just read may have waited before it was read, in milliseconds. */
  readonly unreadMilliseconds: () => number;
}

/** What containerd calls in a plugin, by the method's name. */
export function pluginMethods(options: PluginOptions): Readonly<Record<string, Method>> {
  const { sink, starts } = options;
  const pods = new Map<string, PodSandbox>();
  let containers: Container[] = [];

  const synchronize = ({ pods: morePods, containers: moreContainers, more }: SynchronizeRequest) => {
    for (const pod of morePods) pods.set(pod.id, pod);
    containers = containers.concat(moreContainers);
    if (pods.size + containers.length > SYNCHRONIZED_MAX)
      throw new TtrpcError(Status.FAILED_PRECONDITION, `more than ${SYNCHRONIZED_MAX} pods and containers`);
    if (more) return;
    const known = containers
      .filter(runs)
      .map((container) => startingContainer(container, pods.get(container.podSandboxId)));
    pods.clear();
    containers = [];
    options.onSynchronized();
    sink.running(known.filter((container) => container !== undefined).map(reported));
  };

  const start = async ({ container, pod }: ContainerRequest, milliseconds: number | undefined) => {
    const starting = container && startingContainer(container, pod);
    await starts.hold(starting, milliseconds);
    if (starting !== undefined && starting.pid !== 0) sink.started(reported(starting));
  };

  const end = ({ container }: ContainerRequest) => {
    if (container !== undefined) sink.ended(container.id);
  };

  return {
    Configure() {
      const whenUnanswered = options.whenUnprotected();
      options.onConfigured(whenUnanswered);
      const events = EVENTS.reduce((mask, event) => mask | (1 << (event - 1)), 0);
      const refuse = whenUnanswered === 'refuse';
      return ConfigureResponse.encode({
        events,
        failurePolicy: { failRequest: refuse, keepConnected: refuse },
      }).finish();
    },
    Synchronize(payload, milliseconds) {
      const request = SynchronizeRequest.decode(payload);
      synchronize(request);
      if (options.unreadMilliseconds() > answerMilliseconds(milliseconds)) options.onLate();
      return SynchronizeResponse.encode({ more: request.more }).finish();
    },
    async StartContainer(payload, milliseconds) {
      await start(ContainerRequest.decode(payload), milliseconds);
      return NOTHING;
    },
    StopContainer(payload) {
      end(ContainerRequest.decode(payload));
      return NOTHING;
    },
    RemoveContainer(payload) {
      end(ContainerRequest.decode(payload));
      return NOTHING;
    },
    async StateChange(payload, milliseconds) {
      const event = StateChangeEvent.decode(payload);
      if (event.event === Event.START_CONTAINER) await start(event, milliseconds);
      else if (event.event === Event.REMOVE_CONTAINER || event.event === Event.STOP_CONTAINER) end(event);
      return NOTHING;
    },
    Shutdown() {
      options.onShutdown();
      return NOTHING;
    },
  };
}

function reported({ description, pid }: StartingContainer): SourceContainer {
  return { description, pid };
}

/** A created container with a process is about to start, and its start may no longer be reported. */
function runs({ state, pid }: Container): boolean {
  if (pid === 0) return false;
  return [ContainerState.CONTAINER_RUNNING, ContainerState.CONTAINER_PAUSED, ContainerState.CONTAINER_CREATED].includes(
    state,
  );
}
