import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventView } from '../event-view.js';
import type { EventHub, Position } from '../events/hub.js';
import { StreamEventsResponse } from '../generated/hauberk/v1/event.js';
import { printableJson } from '../printable.js';
import { pumpEvents } from '../rpc/event-pump.js';
import type { ExportedLine, ExportLogger, Sink } from './sink.js';

const RETRY_MILLISECONDS = 1000;
const NOTE_MILLISECONDS = 1000;
/** Messages that may wait for the sink; all others wait in the journal. */
const WAITING_MESSAGES = 4;

/**
 * Sends every event to a sink, like a client of the stream without a connection: it records its position, continues
 * there after a restart, and while the sink fails the events wait in the journal.
 */
export class Exporter {
  readonly #ended = new AbortController();
  readonly #stream: Writable;
  readonly #done: Promise<void>;
  #position: Position | undefined;
  #noted = 0;
  #isFailing = false;
  #exported = 0;

  /** @param statePath the file in which it records its position */
  constructor(
    readonly name: string,
    readonly hub: EventHub,
    readonly sink: Sink,
    readonly statePath: string,
    readonly logger: ExportLogger,
  ) {
    this.#position = readPosition(statePath);
    this.#stream = new Writable({
      objectMode: true,
      highWaterMark: WAITING_MESSAGES,
      write: (bytes: Buffer, _encoding, done) => {
        void this.#export(StreamEventsResponse.decode(bytes)).then(() => done());
      },
    });
    this.#done = this.#pump();
  }

  /** Events that were exported since the start, those of them that were refused, and whether the sink works now. */
  counts(): { readonly exported: number; readonly refused: number; readonly isWorking: boolean } {
    return { exported: this.#exported, refused: this.sink.refused ?? 0, isWorking: !this.#isFailing };
  }

  /** Ends within a second, whatever the sink does; if a write under way succeeds later, that is still recorded. */
  async stop(): Promise<void> {
    const end = performance.now() + RETRY_MILLISECONDS;
    while (this.#stream.writableLength > 0 && performance.now() < end) await sleep(10);
    this.#ended.abort();
    this.#stream.destroy();
    await this.#done;
    this.#note();
    this.sink.close();
  }

  /** Reads until it is stopped; what cannot be read now is read later. */
  async #pump(): Promise<void> {
    for (;;) {
      try {
        const after = this.#position === undefined ? 0 : this.hub.sequenceAt(this.#position);
        await pumpEvents(this.hub, this.#stream, { accepts: undefined, after });
        return;
      } catch (error) {
        // What was read before is exported first: only then is the position where to continue.
        while (this.#stream.writableLength > 0 && !this.#isOver) await this.#wait();
        this.#fail(error, 'events cannot be read for the export; they wait');
        await this.#wait();
        if (this.#isOver) return;
      }
    }
  }

  get #isOver(): boolean {
    return this.#ended.signal.aborted;
  }

  #wait(): Promise<void> {
    return sleep(RETRY_MILLISECONDS, undefined, { signal: this.#ended.signal }).catch(() => undefined);
  }

  #fail(error: unknown, message: string): void {
    if (!this.#isFailing) this.logger.warn({ export: this.name, err: error }, message);
    this.#isFailing = true;
  }

  async #export({ events, missed, gone, position }: StreamEventsResponse): Promise<void> {
    const ranges = gone.map(({ first, last }) => ({ first: Number(first), last: Number(last) }));
    const lines: ExportedLine[] = [
      ...(missed > 0n ? [{ text: printableJson({ missed: Number(missed), gone: ranges }) }] : []),
      ...events.map((event) => ({ text: printableJson(eventView(event)), event })),
    ];
    if (!(await this.#write(lines))) return;
    if (this.#isFailing) this.logger.info({ export: this.name }, 'events are exported again');
    this.#isFailing = false;
    this.#exported += events.length;
    this.#position = { run: position!.run, sequence: Number(position!.sequence) };
    if (this.#isOver || performance.now() - this.#noted > NOTE_MILLISECONDS) this.#note();
  }

  /** @returns whether all were written; tries until it is stopped */
  async #write(lines: readonly ExportedLine[]): Promise<boolean> {
    while (!this.#isOver) {
      try {
        await this.sink.write(lines);
        return true;
      } catch (error) {
        this.#fail(error, 'events cannot be exported; they wait');
        await this.#wait();
      }
    }
    return false;
  }

  #note(): void {
    this.#noted = performance.now();
    if (this.#position === undefined) return;
    try {
      writeFileSync(`${this.statePath}.new`, JSON.stringify(this.#position), { mode: 0o600 });
      renameSync(`${this.statePath}.new`, this.statePath);
    } catch (error) {
      this.logger.warn({ export: this.name, err: error }, 'how far events are exported cannot be noted');
    }
  }
}

function readPosition(path: string): Position | undefined {
  try {
    const { run, sequence } = JSON.parse(readFileSync(path, 'utf8'));
    return typeof run === 'string' && Number.isSafeInteger(sequence) ? { run, sequence } : undefined;
  } catch {
    return undefined;
  }
}
