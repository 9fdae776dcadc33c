import { Failure, invalidInput } from '../failure.js';
import { inTimeSlices } from '../time-slices.js';

/**
 * The total size of the elements of one answer, in bytes: well under the 4 MiB that clients of every language take, and
 * so little that it is made and encoded in a few milliseconds.
 */
export const PAGE_BYTES = 192 * 1024;

/** Ids of containers in one answer. */
export const IDS_MAX = 8192;

export interface PageRequest {
  /** As many as fit when 0. */
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface Page<Message> {
  readonly messages: Message[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/**
 * One page of a list that is sorted by keys; additions and removals between two pages do not make other elements be
 * skipped or repeated.
 *
 * @throws Failure invalid-argument for a token of no page
 */
export function pageByKey<Item, Message>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  { pageSize, pageToken }: PageRequest,
  toMessage: (item: Item) => Message,
): Page<Message> {
  const after = pageToken === '' ? undefined : readToken(pageToken);
  const first = after === undefined ? 0 : items.findIndex((item) => keyOf(item) > after);
  if (first < 0) return { messages: [], nextPageToken: '' };
  const messages = fitting(items, first, pageSize, toMessage);
  const end = first + messages.length;
  return { messages, nextPageToken: end < items.length ? writeToken(keyOf(items[end - 1]!)) : '' };
}

/**
 * One page of a list that is only valid in one version.
 *
 * @throws Failure aborted when the version is another than that of the page before
 */
export function pageByPlace<Item, Message>(
  items: readonly Item[],
  version: string,
  { pageSize, pageToken }: PageRequest,
  toMessage: (item: Item) => Message,
): Page<Message> {
  const [first = 0] = placesIn(pageToken, version, 1);
  const messages = fitting(items, first, pageSize, toMessage);
  const end = first + messages.length;
  return { messages, nextPageToken: end < items.length ? tokenOfPlaces([end], version) : '' };
}

/** A page of a list as with pageByPlace, whose elements take long to make: only those of the page are made. */
export async function pageInTimeSlices<Message>(
  items: readonly (() => Promise<Message>)[],
  version: string,
  { pageSize, pageToken }: PageRequest,
): Promise<Page<Message>> {
  const [first = 0] = placesIn(pageToken, version, 1);
  const messages: Message[] = [];
  let bytes = 0;
  for await (const make of inTimeSlices(items.slice(first, pageSize === 0 ? items.length : first + pageSize))) {
    const message = await make();
    bytes += bytesOf(message);
    if (bytes > PAGE_BYTES && messages.length > 0) break;
    messages.push(message);
  }
  const end = first + messages.length;
  return { messages, nextPageToken: end < items.length ? tokenOfPlaces([end], version) : '' };
}

/** The elements from one on that fit a page, at least one of them. */
export function fitting<Item, Message>(
  items: readonly Item[],
  first: number,
  pageSize: number,
  toMessage: (item: Item) => Message,
): Message[] {
  const messages: Message[] = [];
  let bytes = 0;
  const most = pageSize === 0 ? Number.POSITIVE_INFINITY : pageSize;
  for (let place = first; place < items.length && messages.length < most; place++) {
    const message = toMessage(items[place]!);
    bytes += bytesOf(message);
    if (bytes > PAGE_BYTES && messages.length > 0) break;
    messages.push(message);
  }
  return messages;
}

/** About how many bytes a value takes as a message, and seldom fewer. */
export function bytesOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + 4;
  if (typeof value !== 'object' || value === null) return 4;
  let bytes = 4;
  if (Array.isArray(value)) {
    for (const item of value) bytes += bytesOf(item);
    return bytes;
  }
  // Names of fields are not part of a message, but keys of maps are.
  for (const [key, item] of Object.entries(value)) bytes += key.length + bytesOf(item);
  return bytes;
}

/** Places within the parts of an answer, as a token. */
export function tokenOfPlaces(places: readonly number[], version: string): string {
  return writeToken(JSON.stringify([version, ...places]));
}

/** @throws Failure invalid-argument for a token of no page, aborted for one of another version */
export function placesIn(pageToken: string, version: string, count: number): number[] {
  if (pageToken === '') return [];
  const [ofVersion, ...places] = parsed(readToken(pageToken));
  const arePlaces =
    places.length === count && places.every((place) => Number.isSafeInteger(place) && Number(place) >= 0);
  if (typeof ofVersion !== 'string' || !arePlaces) throw badToken();
  if (ofVersion !== version) throw new Failure('aborted', 'it has changed since the page before; begin again');
  return places as number[];
}

function parsed(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function writeToken(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function readToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (writeToken(text) !== token) throw badToken();
  return text;
}

function badToken(): Failure {
  return invalidInput([{ field: 'page_token', description: 'is not the next_page_token of an answer' }]);
}
