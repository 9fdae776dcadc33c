import type { SecurityEvent } from './event.js';
import { ProtobufWriter } from './protobuf-writer.js';

/** Numbers of the fields of hauberk.v1.Event and of StreamEventsResponse; a test compares them with the generated code. */
const ACTION_NUMBERS = { Allow: 1, Audit: 2, Block: 3 } as const;
const RESULT_NUMBERS = { denied: 1, passed: 2 } as const;
const ORIGIN_NUMBERS = { rpc: 1, kubernetes: 2, 'kubernetes-kubearmor': 3, cli: 4 } as const;
const NANOSECONDS = 1_000_000_000n;
/** Containers and rules whose part of an event is kept ready. */
const PARTS_MAX = 4096;

interface Part {
  readonly of: SecurityEvent;
  readonly bytes: Buffer;
}

/** Encodes events for streams and the journal, each as a field 1 of the message StreamEventsResponse. */
export class EventEncoder {
  readonly #writer = new ProtobufWriter();
  readonly #containers = new Map<string, Part>();
  readonly #rules = new Map<string, Part>();

  /** @param classNumber the number of a class of rules in the API */
  constructor(readonly classNumber: (ruleClass: NonNullable<SecurityEvent['class']>) => number) {}

  /**
   * Encodes events into one buffer, and records in each where it is, so that no stream encodes it again.
   *
   * @param first the number of the first; the others count on
   */
  encode(events: readonly SecurityEvent[], first: number): Buffer {
    const writer = this.#writer;
    writer.reset();
    const ends = new Uint32Array(events.length);
    let sequence = first;
    for (const [index, event] of events.entries()) {
      this.#write(event, sequence++);
      ends[index] = writer.length;
    }
    const bytes = writer.copy();
    let start = 0;
    for (const [index, event] of events.entries()) {
      event.encoded = bytes;
      event.encodedStart = start;
      start = ends[index]!;
      event.encodedEnd = start;
    }
    return bytes;
  }

  #write(event: SecurityEvent, sequence: number): void {
    const writer = this.#writer;
    const message = writer.begin(1);
    writer.bytes(this.#containerPart(event));
    writer.bytes(this.#rulePart(event));
    const time = writer.begin(1);
    writer.number(1, Number(event.time / NANOSECONDS));
    writer.number(2, Number(event.time % NANOSECONDS));
    writer.end(time);
    writer.text(13, event.operation);
    writer.text(14, event.object);
    writer.number(15, event.action === undefined ? 0 : ACTION_NUMBERS[event.action]);
    writer.number(16, event.result === undefined ? 0 : RESULT_NUMBERS[event.result]);
    writer.text(17, event.program);
    writer.text(18, event.parentProgram);
    writer.number(19, event.pid);
    writer.number(20, event.hostPid);
    writer.number(21, event.parentPid);
    writer.number(22, event.hostParentPid);
    writer.number(23, event.uid);
    writer.text(24, event.comm);
    writer.number(25, event.imageId);
    writer.number(26, event.suppressed);
    writer.number(27, Number(event.wouldBlock));
    writer.number(28, sequence);
    writer.number(29, event.lost ?? 0);
    const { details } = event;
    if (details !== undefined) {
      writer.text(30, details.hostName);
      writer.text(31, details.machineId);
      writer.text(32, details.image);
      for (const argument of details.commandLine) writer.text(33, argument, true);
      writer.text(34, details.workingDirectory);
      writer.text(35, details.terminal);
      if (details.containerUid !== undefined) writer.number(36, details.containerUid, true);
    }
    writer.text(37, event.ownerRule ?? '');
    writer.text(38, event.policyOverride ?? '');
    writer.number(39, event.count ?? 0);
    for (const operation of event.operations ?? []) writer.text(40, operation, true);
    writer.end(message);
  }

  #containerPart(event: SecurityEvent): Buffer {
    const part = this.#containers.get(event.containerId);
    if (part !== undefined && isSameContainer(part.of, event)) return part.bytes;
    const writer = new ProtobufWriter();
    writer.text(2, event.containerId);
    writer.text(3, event.containerName);
    writer.text(4, event.namespace);
    for (const [key, value] of Object.entries(event.labels)) {
      const entry = writer.begin(5);
      writer.text(1, key);
      writer.text(2, value);
      writer.end(entry);
    }
    return keep(this.#containers, event.containerId, event, writer.copy());
  }

  #rulePart(event: SecurityEvent): Buffer {
    const { policyOrigin } = event;
    const key = `${policyOrigin ?? ''}:${event.policyNamespace}/${event.policy}/${event.rule}`;
    const part = this.#rules.get(key);
    if (part !== undefined && isSameRule(part.of, event)) return part.bytes;
    const writer = new ProtobufWriter();
    writer.text(6, event.policy);
    writer.text(7, event.policyNamespace);
    writer.text(8, event.rule);
    writer.number(9, event.severity);
    for (const tag of event.tags) writer.text(10, tag, true);
    writer.text(11, event.message);
    writer.number(12, event.class === undefined ? 0 : this.classNumber(event.class));
    writer.number(41, policyOrigin === undefined ? 0 : ORIGIN_NUMBERS[policyOrigin]);
    return keep(this.#rules, key, event, writer.copy());
  }
}

function keep(parts: Map<string, Part>, key: string, of: SecurityEvent, bytes: Buffer): Buffer {
  if (parts.size >= PARTS_MAX) parts.clear();
  parts.set(key, { of, bytes });
  return bytes;
}

function isSameContainer(a: SecurityEvent, b: SecurityEvent): boolean {
  return a.labels === b.labels && a.containerName === b.containerName && a.namespace === b.namespace;
}

function isSameRule(a: SecurityEvent, b: SecurityEvent): boolean {
  return a.tags === b.tags && a.message === b.message && a.severity === b.severity && a.class === b.class;
}
