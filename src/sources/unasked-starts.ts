import { closeSync, openSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { hasRunNothing, processIdentity } from '../containers/procfs.js';
import type { ContainerRegistry } from '../control/container-registry.js';
import type { IntakeCounts } from '../control/intake-counts.js';
import { startedAt } from '../runtime-setup/machine.js';
import type { ContainerSink, RuntimeConnection, SourceContainer, SourceLogger } from './source.js';
import type { StartsWithoutProtection } from './starts-without-protection.js';

/** Its time is when a runtime was last connected that asks before containers start. */
const NAME = 'last-asked';

export interface UnaskedStartsOptions {
  readonly stateDir: string;
  readonly registry: Pick<ContainerRegistry, 'get'>;
  /** What the hook has recorded is not reported once more. */
  readonly records: Pick<StartsWithoutProtection, 'report' | 'has'>;
  readonly counts: IntakeCounts;
  readonly logger: SourceLogger;
}

/**
 * Logs and counts the containers that have started while the daemon was not connected to a runtime that asks before
 * containers start: nothing held them, and nobody else tells. Those from before the first connection are not meant.
 */
export class UnaskedStarts {
  readonly #options: UnaskedStartsOptions;
  readonly #path: string;
  /** Until when an earlier daemon was connected, in milliseconds since 1970; undefined where none was. */
  readonly #earlier: number | undefined;
  #connections = 0;

  constructor(options: UnaskedStartsOptions) {
    this.#options = options;
    this.#path = join(options.stateDir, NAME);
    this.#earlier = statSync(this.#path, { throwIfNoEntry: false })?.mtimeMs;
  }

  /** The same connection, whose lists of what runs are searched for such containers. */
  watched(connection: RuntimeConnection): RuntimeConnection {
    let until = this.#earlier;
    const { name, origin, address } = connection;
    const follow = async (sink: ContainerSink, onConnected: () => void, signal: AbortSignal) => {
      let isConnected = false;
      const running = (containers: readonly SourceContainer[]) => {
        if (until !== undefined) this.#report(name, containers, until);
        if (!isConnected) this.#connections++;
        isConnected = true;
        this.note();
        sink.running(containers);
      };
      const watching = { running, started: sink.started.bind(sink), ended: sink.ended.bind(sink) };
      try {
        await connection.follow(watching, onConnected, signal);
      } finally {
        if (isConnected) {
          until = Date.now();
          // Whoever ends it has noted that already, and may have given up the directory.
          if (!signal.aborted) this.note();
          this.#connections--;
        }
      }
    };
    return { name, origin, address, follow };
  }

  /** Writes down that the runtime is connected now, if it is: to be called again and again, since the daemon may be killed. */
  note(): void {
    if (this.#connections === 0) return;
    const now = new Date();
    try {
      closeSync(openSync(this.#path, 'a', 0o600));
      utimesSync(this.#path, now, now);
    } catch (error) {
      const reason = (error as Error).message;
      this.#options.logger.warn({ path: this.#path, reason }, 'cannot write down that a runtime is connected');
    }
  }

  #report(source: string, containers: readonly SourceContainer[], since: number): void {
    const { counts, logger, records, registry } = this.#options;
    records.report();
    const reason = `${source} was not connected`;
    for (const { description, pid } of containers) {
      const { id, name, namespace } = description;
      const registered = registry.get(id);
      const by = registered?.protection?.by;
      if (by === 'hook' || by === 'registered' || records.has(id) || !hasStartedSince(pid, since)) continue;
      counts.startsWithoutProtection++;
      logger.warn({ container: id, name, namespace, source, reason }, 'a container has started without protection');
    }
  }
}

/** Not so where its process has run nothing, whose start may be asked about yet, or has ended. */
function hasStartedSince(pid: number, since: number): boolean {
  try {
    return startedAt(processIdentity(pid).startTicks) > since && !hasRunNothing(pid);
  } catch {
    return false;
  }
}
