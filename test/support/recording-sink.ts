import type { ContainerSink, SourceContainer } from '../../src/sources/source.js';
import { eventually } from './eventually.js';

/** Keeps what a source reports, as lines. */
export class RecordingSink implements ContainerSink {
  readonly reported: string[] = [];
  readonly containers = new Map<string, SourceContainer>();

  running(containers: readonly SourceContainer[]): void {
    this.reported.push(`running ${containers.map(({ description }) => description.id).join()}`);
    for (const container of containers) this.containers.set(container.description.id, container);
  }

  started(container: SourceContainer): void {
    const { id, name, namespace } = container.description;
    this.reported.push(`started ${id} ${name} ${namespace} ${container.pid}`);
    this.containers.set(id, container);
  }

  ended(id: string): void {
    this.reported.push(`ended ${id}`);
  }

  /** Resolves with the first lines once there are this many. */
  async lines(count: number): Promise<string[]> {
    await eventually(() => this.reported.length >= count, `line ${count} after ${JSON.stringify(this.reported)}`);
    return this.reported;
  }
}

/** Keeps log lines, as level, message and reason, if any. */
export class RecordingLogger {
  readonly lines: { readonly level: string; readonly fields: Record<string, unknown>; readonly message: string }[] = [];

  debug(fields: object, message: string): void {
    this.#log('debug', fields, message);
  }

  info(fields: object, message: string): void {
    this.#log('info', fields, message);
  }

  warn(fields: object, message: string): void {
    this.#log('warn', fields, message);
  }

  /** The lines of level warn. */
  get warnings() {
    return this.lines.filter(({ level }) => level === 'warn');
  }

  #log(level: string, fields: object, message: string): void {
    this.lines.push({ level, fields: fields as Record<string, unknown>, message });
  }
}
