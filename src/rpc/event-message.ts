import { EventEncoder } from '../events/encode.js';
import type { SecurityEvent } from '../events/event.js';
import type { SequenceRange } from '../events/hub.js';
import { Event, StreamEventsResponse } from '../generated/hauberk/v1/event.js';
import { ACTION_NAMES, CLASS_NAMES, CLASSES, POLICY_ORIGIN_NAMES, RESULT_NAMES } from './names.js';

const NANOSECONDS = 1_000_000_000n;
const EVENT_FIELD = 0x0a;

/** An encoder of events for the API. */
export function newEncoder(): EventEncoder {
  return new EventEncoder((ruleClass) => CLASSES[ruleClass]);
}

/** A message of the stream, of events that are encoded. */
export function encodeResponse(
  events: readonly Buffer[],
  position: { readonly run: string; readonly sequence: number },
  missed = 0,
  gone: readonly SequenceRange[] = [],
): Buffer {
  const rest = StreamEventsResponse.encode({
    events: [],
    missed: BigInt(missed),
    position: { run: position.run, sequence: BigInt(position.sequence) },
    gone: gone.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) })),
    telemetryMissed: 0n,
  });
  return Buffer.concat([...events, rest.finish()]);
}

/** A message of telemetry alone, which has no place in the order of events. */
export function encodeTelemetry(events: readonly Buffer[], missed: number): Buffer {
  const rest = StreamEventsResponse.encode({
    events: [],
    missed: 0n,
    position: undefined,
    gone: [],
    telemetryMissed: BigInt(missed),
  });
  return Buffer.concat([...events, rest.finish()]);
}

/** The encoded events in as few pieces as possible: those that were encoded together are contiguous. */
export function encodedPieces(events: readonly SecurityEvent[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let index = 0; index < events.length; ) {
    const { encoded, encodedStart } = events[index]!;
    let end = events[index]!.encodedEnd!;
    for (index++; index < events.length; index++) {
      const next = events[index]!;
      if (next.encoded !== encoded || next.encodedStart !== end) break;
      end = next.encodedEnd!;
    }
    pieces.push(encoded!.subarray(encodedStart, end));
  }
  return pieces;
}

/** The events of an archived batch, each as it stands there and as it can be read. */
export function* splitEvents(payload: Buffer): Generator<{ readonly encoded: Buffer; readonly message: Buffer }> {
  for (let position = 0; position < payload.length; ) {
    const start = position;
    if (payload[position++] !== EVENT_FIELD)
      throw new Error('an archived batch contains something that is not an event');
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = payload[position++]!;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    position += length;
    yield { encoded: payload.subarray(start, position), message: payload.subarray(position - length, position) };
  }
}

/** An archived event as filters know it. */
export function toSecurityEvent(message: Buffer): SecurityEvent {
  const { time, class: ruleClass, action, result, suppressed, lost, ppid, hostPpid, ...event } = Event.decode(message);
  const { hostName, machineId, image, commandLine, workingDirectory, terminal, containerUid, sequence, ...described } =
    event;
  const { ownerRule, policyOverride, policyOrigin, count, operations, ...rest } = described;
  const origin = POLICY_ORIGIN_NAMES.get(policyOrigin);
  return {
    ...rest,
    decoded: undefined,
    time: (time?.seconds ?? 0n) * NANOSECONDS + BigInt(time?.nanos ?? 0),
    class: CLASS_NAMES.get(ruleClass),
    action: ACTION_NAMES.get(action),
    result: RESULT_NAMES.get(result),
    parentPid: ppid,
    hostParentPid: hostPpid,
    suppressed: Number(suppressed),
    ...(lost > 0n && { lost: Number(lost) }),
    ...(origin !== undefined && { policyOrigin: origin }),
    ...(ownerRule !== '' && { ownerRule }),
    ...(policyOverride !== '' && { policyOverride }),
    ...(count > 0n && { count: Number(count), operations }),
  };
}

/** An event as clients receive it. */
export function toEventMessage(event: SecurityEvent, sequence = 1): Event {
  return StreamEventsResponse.decode(newEncoder().encode([event], sequence)).events[0]!;
}
