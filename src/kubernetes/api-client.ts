import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { finishInTimeSlices } from '../time-slices.js';
import type { ApiServer } from './access.js';
import { Connections } from './connections.js';
import { ListReader, type ObjectList } from './list-reader.js';

/** The API server refused or failed a request. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    message: string,
    /** HTTP's, or that of a watch's last message. */
    readonly code: number,
    /** How long it asks clients to wait. */
    readonly retryMilliseconds?: number,
  ) {
    super(message);
  }
}

/** An answer has begun, and ended before its end. */
export class UnfinishedAnswer extends Error {
  override readonly name = 'UnfinishedAnswer';
}

/** Any object of Kubernetes, as far as it is alike for all. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMetadata;
}

export interface ObjectMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly controller?: boolean }[];
  /** Which program has written which fields. */
  readonly managedFields?: readonly {
    readonly manager?: string;
    readonly time?: string;
    readonly fieldsV1?: { readonly 'f:metadata'?: { readonly 'f:annotations'?: Readonly<Record<string, unknown>> } };
  }[];
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubernetesObject & { readonly code?: number; readonly message?: string };
}

export interface WatchOptions {
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly onOpen: () => void;
}

interface Query {
  readonly [name: string]: string | undefined;
}

/** For an answer that is not a watch, and for a watch that sends nothing although it should. */
const TIMEOUT_MILLISECONDS = 30_000;
/** A watch is ended by the server after its own time; one that is silent for so much longer has lost its connection. */
const WATCH_GRACE_MILLISECONDS = 30_000;
/** After so much silence TCP asks whether the other end is there: a watch may be silent for minutes. */
const KEEP_ALIVE_MILLISECONDS = 15_000;
/** No object of Kubernetes is longer: etcd takes 1.5 MiB. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;
/** Of an answer that is not a list. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;
/** A proxy may ask for any time, and must not be able to delay policies for a day. */
const RETRY_MILLISECONDS_MAX = 5 * 60_000;

/**
 * The requests that are made to Kubernetes' API: list, watch, patch. By node:https, since the available client brings
 * 68 packages into a privileged process, half of them for what is not needed here: exec, port forwarding, OpenID,
 * generated classes for every kind, while its watches leave 429 and Retry-After to the caller.
 */
export class ApiClient {
  readonly #connections: Connections;
  #isClosed = false;

  /** @param onProblem called when certificates were replaced by unusable ones, and when they are usable again */
  constructor(
    readonly server: ApiServer,
    onProblem: (problem: string | undefined) => void = () => undefined,
  ) {
    this.#connections = new Connections(server, onProblem);
  }

  /** @throws ApiError, or the system's error when it cannot be reached */
  async get(path: string, query: Query = {}): Promise<unknown> {
    return JSON.parse(await bodyOf(await this.#request('GET', path, { query })));
  }

  /** Reads a list as it arrives, in time slices. @throws UnfinishedAnswer where it began and did not end; like get */
  async list<Object extends KubernetesObject>(path: string, query: Query = {}): Promise<ObjectList<Object>> {
    const response = await this.#request('GET', path, { query });
    const reader = new ListReader<Object>();
    try {
      for await (const part of response as AsyncIterable<Buffer>) await finishInTimeSlices(reader.take(part));
      return reader.end();
    } catch (error) {
      throw new UnfinishedAnswer(`the answer to GET ${path} cannot be read to its end: ${(error as Error).message}`);
    }
  }

  /** @param body for a merge patch. @throws like get */
  async patch(path: string, body: object): Promise<unknown> {
    const type = 'application/merge-patch+json';
    return JSON.parse(await bodyOf(await this.#request('PATCH', path, { body, type })));
  }

  /** @throws like get */
  async create(path: string, body: object): Promise<unknown> {
    return JSON.parse(await bodyOf(await this.#request('POST', path, { body, type: 'application/json' })));
  }

  /** @throws like get; ApiError 409 where it has changed since it was read */
  async replace(path: string, body: object): Promise<unknown> {
    return JSON.parse(await bodyOf(await this.#request('PUT', path, { body, type: 'application/json' })));
  }

  /** @throws like get */
  async delete(path: string): Promise<unknown> {
    return JSON.parse(await bodyOf(await this.#request('DELETE', path, {})));
  }

  /**
   * Follows changes from a version on, until the server ends the watch.
   *
   * @param seconds after which the server is asked to end it
   * @param onOpen called once it is followed
   * @throws ApiError 410 where the version is too old; like get
   */
  async *watch(path: string, query: Query, { seconds, signal, onOpen }: WatchOptions): AsyncGenerator<WatchEvent> {
    const whole = { ...query, watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) };
    const timeout = seconds * 1000 + WATCH_GRACE_MILLISECONDS;
    const response = await this.#request('GET', path, { query: whole, signal, timeout });
    onOpen();
    for await (const line of linesOf(response)) {
      const event = JSON.parse(line) as WatchEvent;
      if (event.type === 'ERROR') {
        throw new ApiError(event.object.message ?? 'the watch has failed', event.object.code ?? 500);
      }
      yield event;
    }
  }

  /** Ends requests under way; no more are made. */
  close(): void {
    this.#isClosed = true;
    this.#connections.destroy();
  }

  async #request(
    method: string,
    path: string,
    { query = {}, body, type, signal, timeout = TIMEOUT_MILLISECONDS }: RequestParts,
  ): Promise<IncomingMessage> {
    if (this.#isClosed) throw new Error('Kubernetes is not followed any more');
    const { url: base } = this.server;
    const url = new URL(base.pathname.replace(/\/$/u, '') + path, base);
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
    const token = this.server.token();
    const text = body === undefined ? undefined : JSON.stringify(body);
    const options: RequestOptions = {
      method,
      agent: this.#connections.agent(),
      ...(signal !== undefined && { signal }),
      headers: {
        accept: 'application/json',
        'user-agent': 'hauberkd',
        ...(token && { authorization: `Bearer ${token}` }),
        ...(text !== undefined && { 'content-type': type, 'content-length': Buffer.byteLength(text) }),
      },
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(url, options, resolve);
      sent.setSocketKeepAlive(true, KEEP_ALIVE_MILLISECONDS);
      sent.setTimeout(timeout, () => sent.destroy(new Error(`no answer for ${timeout / 1000} seconds`)));
      sent.on('error', reject);
      sent.end(text);
    });
    const { statusCode: code = 0 } = response;
    if (code >= 200 && code < 300) return response;
    throw new ApiError(`${method} ${path}: ${reasonIn(await bodyOf(response), code)}`, code, retryIn(response));
  }
}

interface RequestParts {
  readonly query?: Query;
  readonly body?: object;
  readonly type?: string;
  readonly signal?: AbortSignal;
  readonly timeout?: number;
}

function retryIn({ headers }: IncomingMessage): number | undefined {
  const seconds = Number(headers['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, RETRY_MILLISECONDS_MAX) : undefined;
}

/** A Status object of Kubernetes contains the message. */
function reasonIn(body: string, code: number): string {
  try {
    const { message } = JSON.parse(body) as { readonly message?: unknown };
    if (typeof message === 'string' && message !== '') return message;
  } catch {
    // What stands between has answered.
  }
  return `answered ${code}`;
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) throw new Error(`an answer of more than ${BODY_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    let begin = 0;
    for (let end = part.indexOf(10); end >= 0; end = part.indexOf(10, begin)) {
      parts.push(part.subarray(begin, end));
      const line = Buffer.concat(parts).toString('utf8');
      if (line.trim() !== '') yield line;
      parts = [];
      bytes = 0;
      begin = end + 1;
    }
    bytes += part.length - begin;
    if (bytes > LINE_BYTES_MAX) throw new Error(`an event of more than ${LINE_BYTES_MAX} bytes`);
    if (begin < part.length) parts.push(part.subarray(begin));
  }
}
