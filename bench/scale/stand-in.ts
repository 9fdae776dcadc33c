import type { ApiClient, WatchEvent, WatchOptions } from '../../src/kubernetes/api-client.js';
import { ApiError } from '../../src/kubernetes/api-client.js';
import { ListReader } from '../../src/kubernetes/list-reader.js';
import { finishInTimeSlices } from '../../src/time-slices.js';
import { processorMilliseconds } from '../support/processor-time.js';

/** The objects at a path: made on request, so that only the daemon's own copies are in memory. */
export interface Collection {
  readonly length: number;
  readonly at: (index: number) => object;
}

export interface Traffic {
  requests: number;
  /** Bytes of bodies, in both directions. */
  bytes: number;
}

type Query = Readonly<Record<string, string | undefined>>;

/**
 * A simulated API server, which gives the daemon's own code the same texts as a real one, and counts requests and bytes.
 */
export class StandIn {
  readonly traffic = new Map<string, Traffic>();
  /** Milliseconds of processor time for making the texts, which is not the daemon's. */
  making = 0;
  readonly #watchers = new Map<string, (event: WatchEvent) => void>();

  constructor(
    readonly collections: ReadonlyMap<string, Collection>,
    readonly objects: ReadonlyMap<string, () => object>,
  ) {}

  get client(): ApiClient {
    return Object.assign(this as unknown as ApiClient, {
      server: { url: new URL('https://k/'), namespace: 'hauberk' },
    });
  }

  /** The traffic since the last call. */
  take(): ReadonlyMap<string, Traffic> {
    const taken = new Map(this.traffic);
    this.traffic.clear();
    return taken;
  }

  async get(path: string, query: Query = {}): Promise<unknown> {
    const object = this.objects.get(path)?.();
    if (object !== undefined) {
      this.#count('get', JSON.stringify(object));
      return object;
    }
    return JSON.parse(this.#textOf(path, query));
  }

  #textOf(path: string, query: Query): string {
    const found = this.collections.get(keyOf(path, query));
    if (found === undefined) {
      this.#count('absent', '');
      throw new ApiError('there is none', 404);
    }
    const began = processorMilliseconds();
    // Like a real one, which serves lists from its cache without pages.
    const isPaged = query.resourceVersion === undefined && query.limit !== undefined;
    const from = Number(query.continue ?? 0);
    const to = isPaged ? Math.min(from + Number(query.limit), found.length) : found.length;
    const items = Array.from({ length: to - from }, (_, index) => found.at(from + index));
    const metadata = { resourceVersion: '9000000', ...(to < found.length && { continue: String(to) }) };
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'ThingList', metadata, items });
    this.making += processorMilliseconds() - began;
    this.#count('list', text);
    return text;
  }

  async list(path: string, query: Query = {}): Promise<unknown> {
    const reader = new ListReader();
    await finishInTimeSlices(reader.take(Buffer.from(this.#textOf(path, query))));
    return reader.end();
  }

  async *watch(path: string, query: Query, { signal, onOpen }: WatchOptions): AsyncGenerator<WatchEvent> {
    this.#count('watch', '');
    onOpen();
    const waiting: WatchEvent[] = [];
    let wake = () => {};
    this.#watchers.set(keyOf(path, query), (event) => {
      waiting.push(event);
      wake();
    });
    signal.addEventListener('abort', () => wake());
    while (!signal.aborted) {
      const event = waiting.shift();
      if (event !== undefined) yield event;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  /** Sends a line to the watch of a path. @returns its bytes */
  send(key: string, type: WatchEvent['type'], object: object): number {
    const text = `${JSON.stringify({ type, object })}\n`;
    this.#watchers.get(key)?.(JSON.parse(text));
    return Buffer.byteLength(text);
  }

  async patch(path: string, body: object): Promise<unknown> {
    this.#count(path.endsWith('/status') ? 'status' : 'report', JSON.stringify(body));
    return {};
  }

  async create(path: string, body: object): Promise<unknown> {
    this.#count(path.endsWith('/events') ? 'event' : 'create', JSON.stringify(body));
    return body;
  }

  async replace(_: string, body: object): Promise<unknown> {
    this.#count('renewal', JSON.stringify(body));
    return body;
  }

  close(): void {}

  #count(kind: string, text: string): void {
    const traffic = this.traffic.get(kind) ?? { requests: 0, bytes: 0 };
    traffic.requests++;
    traffic.bytes += Buffer.byteLength(text);
    this.traffic.set(kind, traffic);
  }
}

/** A path with the requested labels: reports and settings have the same path. */
export function keyOf(path: string, { labelSelector }: { readonly labelSelector?: string | undefined } = {}): string {
  return labelSelector === undefined ? path : `${path}?${labelSelector}`;
}
