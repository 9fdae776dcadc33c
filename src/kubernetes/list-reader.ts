import type { Steps } from '../steps.js';
import type { KubernetesObject } from './api-client.js';

/** A list as the API server answers it. */
export interface ObjectList<Object = KubernetesObject> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly Object[];
  /** What the answer came to. */
  readonly bytes: number;
}

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = Buffer.from('"\\[]{}') as unknown as number[];
/** No object of Kubernetes is longer, and nothing beside the items is: etcd takes 1.5 MiB. */
const OBJECT_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Reads a list as it comes, object by object: as a whole it would be held twice more, as bytes and as text, and read in one
 * turn of the event loop.
 */
export class ListReader<Object = KubernetesObject> {
  readonly #items: Object[] = [];
  /** What stands beside the items. */
  readonly #rest: Buffer[] = [];
  /** Parts of the item that has begun. */
  #item: Buffer[] = [];
  #itemBytes = 0;
  #restBytes = 0;
  #bytes = 0;
  /** Lists and objects that are open. */
  #depth = 0;
  #isText = false;
  #isEscaped = false;
  /** The text that has ended last, or is open, at depth 1: names a field where a value follows. */
  #name = '';
  #nameBegin: Buffer[] | undefined;
  #isInItems = false;

  /** The next part of the answer. @throws Error where an object is longer than any is */
  *take(part: Buffer): Steps<void> {
    this.#bytes += part.length;
    let begin = 0;
    let nameAt = this.#nameBegin === undefined ? -1 : 0;
    for (let at = 0; at < part.length; at++) {
      const byte = part[at]!;
      if (this.#isText) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) {
          this.#isText = false;
          if (nameAt >= 0) {
            this.#name = Buffer.concat([...this.#nameBegin!, part.subarray(nameAt, at)]).toString('utf8');
            this.#nameBegin = undefined;
            nameAt = -1;
          }
        }
        continue;
      }
      if (byte === QUOTE) {
        this.#isText = true;
        if (this.#depth === 1) {
          this.#nameBegin = [];
          nameAt = at + 1;
        }
      } else if (byte === OPEN || byte === OPEN_LIST) {
        this.#depth++;
        if (this.#depth === 2 && byte === OPEN_LIST && this.#name === 'items') {
          this.#keep(part.subarray(begin, at + 1));
          this.#isInItems = true;
          begin = at + 1;
        } else if (this.#isInItems && this.#depth === 3) begin = at;
      } else if (byte === CLOSE || byte === CLOSE_LIST) {
        this.#depth--;
        if (!this.#isInItems) continue;
        if (this.#depth === 2) {
          this.#itemEnds(part.subarray(begin, at + 1));
          begin = at + 1;
          yield;
        } else if (this.#depth === 1) {
          this.#isInItems = false;
          begin = at;
        }
      }
    }
    if (nameAt >= 0) this.#nameBegin!.push(part.subarray(nameAt));
    if (!this.#isInItems) this.#keep(part.subarray(begin));
    else if (this.#depth > 2) this.#grow(part.subarray(begin));
    yield;
  }

  /** The whole list, once all parts were taken. @throws SyntaxError where it is none, or its end is missing */
  end(): ObjectList<Object> {
    const head = JSON.parse(Buffer.concat(this.#rest).toString('utf8')) as Omit<ObjectList, 'items' | 'bytes'>;
    return { ...head, items: this.#items, bytes: this.#bytes };
  }

  #itemEnds(part: Buffer): void {
    this.#grow(part);
    const text = Buffer.concat(this.#item).toString('utf8');
    this.#item = [];
    this.#itemBytes = 0;
    this.#items.push(JSON.parse(text) as Object);
  }

  #grow(part: Buffer): void {
    this.#itemBytes += part.length;
    if (this.#itemBytes > OBJECT_BYTES_MAX) throw tooLong();
    this.#item.push(part);
  }

  #keep(part: Buffer): void {
    this.#restBytes += part.length;
    if (this.#restBytes > OBJECT_BYTES_MAX) throw tooLong();
    this.#rest.push(part);
  }
}

function tooLong(): Error {
  return new Error(`a list with an object of more than ${OBJECT_BYTES_MAX} bytes`);
}
