import type { ContainerSink, SourceContainer } from '../../src/sources/source.js';

const WAIT_MILLISECONDS = 60_000;

/** Keeps what a source reports. */
export class ReportedContainers implements ContainerSink {
  /** The containers that run according to the reports, by id. */
  readonly now = new Map<string, SourceContainer>();
  /** The reports in order: `running 2`, `started ID`, `ended ID`. */
  readonly log: string[] = [];
  #changed = () => {};

  running(containers: readonly SourceContainer[]): void {
    this.now.clear();
    for (const container of containers) this.now.set(container.description.id, container);
    this.#add(`running ${containers.length}`);
  }

  started(container: SourceContainer): void {
    this.now.set(container.description.id, container);
    this.#add(`started ${container.description.id}`);
  }

  ended(id: string): void {
    this.now.delete(id);
    this.#add(`ended ${id}`);
  }

  /** @throws Error after a minute in vain */
  async until(what: string, holds: () => boolean, milliseconds = WAIT_MILLISECONDS): Promise<void> {
    const deadline = Date.now() + milliseconds;
    while (!holds()) {
      if (Date.now() > deadline) throw new Error(`waited in vain until ${what}; reported: ${this.log.join(', ')}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
        setTimeout(resolve, 200);
      });
    }
  }

  #add(line: string): void {
    this.log.push(line);
    this.#changed();
  }
}
