import type { EventPredicate } from '../events/filter.js';
import {
  DEFAULT_QUEUE_CAPACITY,
  type EventArchive,
  type EventHub,
  MESSAGE_BYTES_MAX,
  type SequenceRange,
} from '../events/hub.js';
import { giveWay } from '../time-slices.js';
import { encodedPieces, encodeResponse, newEncoder, splitEvents, toSecurityEvent } from './event-message.js';
import type { MessageStream } from './message-stream.js';

const EVENTS_A_MESSAGE_MAX = 256;

const encoder = newEncoder();

export interface ReplayOptions {
  /** Undefined where everything is accepted. */
  readonly accepts: EventPredicate | undefined;
  /** The number to continue after. */
  readonly after: number;
  /** Events that the queue of the stream holds. */
  readonly capacity?: number;
}

/**
 * Sends events until those that follow fit into the queue of the stream, first from the archive, then from the hub; a
 * stream that is over ends it.
 *
 * @returns the number that was reached
 */
export async function replayEvents(
  hub: EventHub,
  call: MessageStream,
  { accepts, after, capacity = DEFAULT_QUEUE_CAPACITY }: ReplayOptions,
): Promise<number> {
  const { archive } = hub;
  if (archive === undefined) return after;
  let cursor = after;
  let gone: SequenceRange[] = [];
  let waiting: Buffer[] = [];
  let bytes = 0;
  const skip = async (last: number) => {
    if (last <= cursor) return;
    gone.push({ first: cursor + 1, last });
    // A reader that asks for everything there is has lost nothing of what was before. Nor was it slow where numbers are
    // missing within the archive: these were not given, or could not be written.
    const lost = cursor > 0 ? Math.min(last, (await firstOf(archive, last + 1)) - 1) - cursor : 0;
    if (lost > 0) hub.countGone(lost);
    cursor = last;
  };
  const send = async () => {
    if (waiting.length + gone.length === 0) return;
    const missed = gone.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    const hasRoom = call.write(encodeResponse(waiting, { run: hub.run, sequence: cursor }, missed, gone));
    waiting = [];
    gone = [];
    bytes = 0;
    if (!hasRoom) await roomOf(call);
  };
  const isNear = () => cursor >= Math.max(hub.oldest - 1, hub.position.sequence - capacity / 2);
  while (!isNear() && isOpen(call)) {
    if (cursor >= hub.oldest - 1) {
      for (const event of hub.recent(cursor, EVENTS_A_MESSAGE_MAX)) {
        cursor++;
        if (accepts !== undefined && !accepts(event)) continue;
        if (event.encoded === undefined) encoder.encode([event], cursor);
        waiting.push(...encodedPieces([event]));
        bytes += waiting.at(-1)!.length;
        if (bytes >= MESSAGE_BYTES_MAX) break;
      }
      await send();
      await new Promise(setImmediate);
      continue;
    }
    const before = cursor;
    for await (const { first, payload } of archive.read(cursor)) {
      // Many batches may come of one read of the disk.
      await giveWay();
      if (first > cursor + 1) {
        // What is missed stands before the events of its message.
        await send();
        await skip(Math.min(first, hub.oldest) - 1);
      }
      let sequence = first;
      for (const { encoded, message } of splitEvents(payload)) {
        const number = sequence++;
        if (number <= cursor) continue;
        if (number >= hub.oldest) break;
        cursor = number;
        if (accepts !== undefined && !accepts(toSecurityEvent(message))) continue;
        waiting.push(encoded);
        bytes += encoded.length;
        if (waiting.length >= EVENTS_A_MESSAGE_MAX || bytes >= MESSAGE_BYTES_MAX) await send();
      }
      if (cursor >= hub.oldest - 1 || !isOpen(call)) break;
    }
    if (cursor === before) await skip(hub.oldest - 1);
  }
  await send();
  return cursor;
}

/** The number of the oldest archived event, or what is given where there is none. */
async function firstOf(archive: EventArchive, otherwise: number): Promise<number> {
  for await (const { first } of archive.read(0)) return first;
  return otherwise;
}

/** The number before the first archived event that may be of a time or later: nanoseconds since the Unix epoch. */
export async function sequenceSince(hub: EventHub, since: bigint): Promise<number> {
  for await (const { first } of hub.archive?.read(0, since) ?? []) return Math.min(first, hub.oldest) - 1;
  return hub.oldest - 1;
}

export function isOpen(call: MessageStream): boolean {
  return call.cancelled !== true && !call.destroyed && !call.writableEnded;
}

const ENDS_OF_WAITING = ['drain', 'close', 'cancelled'] as const;

async function roomOf(call: MessageStream): Promise<void> {
  if (!isOpen(call) || !call.writableNeedDrain) return;
  await new Promise<void>((resolve) => {
    const goOn = () => {
      for (const event of ENDS_OF_WAITING) call.off(event, goOn);
      resolve();
    };
    for (const event of ENDS_OF_WAITING) call.once(event, goOn);
  });
}
