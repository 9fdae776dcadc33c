import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '../generated/hauberk/v1/event.js';
import { UnixDatagrams } from '../sockets/unix-datagram.js';
import { type ExportedLine, isWarning, type Sink } from './sink.js';

export const SYSLOG_SOCKET = '/dev/log';
export const JOURNALD_SOCKET = '/run/systemd/journal/socket';

/** Facility `authpriv`: events name files and command lines. */
const FACILITY = 10 << 3;
const WARNING = 4;
const NOTICE = 5;
const TAG = 'hauberkd';
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** A text that is too long for a receiver is cut to this. */
const CUT_BYTES = 1024;
/** Before a receiver whose queue is full is tried again. */
const FULL_MILLISECONDS = 20;

/** Events as JSON to syslog, in the form of RFC 3164 that every /dev/log takes. */
export class SyslogSink implements Sink {
  readonly #socket: UnixDatagrams;

  constructor(path = SYSLOG_SOCKET) {
    this.#socket = new UnixDatagrams(path);
  }

  async write(lines: readonly ExportedLine[]): Promise<void> {
    for (const { text, event } of lines) {
      const head = `<${FACILITY | severityOf(event)}>${stamp(new Date())} ${TAG}[${process.pid}]: `;
      if (!(await sendWhole(this.#socket, Buffer.from(head + text)))) {
        await sendWhole(this.#socket, Buffer.from(`${head}${text.slice(0, CUT_BYTES)}…`));
      }
    }
  }

  close(): void {
    this.#socket.close();
  }
}

/** Events to systemd's journal by its own protocol, so that their parts can be searched for. */
export class JournaldSink implements Sink {
  readonly #socket: UnixDatagrams;

  constructor(path = JOURNALD_SOCKET) {
    this.#socket = new UnixDatagrams(path);
  }

  async write(lines: readonly ExportedLine[]): Promise<void> {
    for (const line of lines) {
      if (!(await sendWhole(this.#socket, entry(line, line.text)))) {
        await sendWhole(this.#socket, entry(line, `${line.text.slice(0, CUT_BYTES)}…`));
      }
    }
  }

  close(): void {
    this.#socket.close();
  }
}

/** Waits while the receiver's queue is full. @returns false where the datagram is too long @throws KernelError with the cause */
async function sendWhole(socket: UnixDatagrams, bytes: Buffer): Promise<boolean> {
  for (;;) {
    const outcome = socket.send(bytes);
    if (outcome !== 'full') return outcome === 'sent';
    await sleep(FULL_MILLISECONDS);
  }
}

function entry({ event }: ExportedLine, message: string): Buffer {
  const fields = {
    MESSAGE: message,
    PRIORITY: String(severityOf(event)),
    SYSLOG_IDENTIFIER: TAG,
    ...(event !== undefined && {
      HAUBERK_SEQUENCE: String(event.sequence),
      HAUBERK_CONTAINER: event.containerName,
      HAUBERK_CONTAINER_ID: event.containerId,
      HAUBERK_NAMESPACE: event.namespace,
      HAUBERK_POLICY: event.policy,
      HAUBERK_OPERATION: event.operation,
    }),
  };
  return Buffer.concat(Object.entries(fields).map(([name, value]) => field(name, Buffer.from(value))));
}

/** With its length before it, so that its content cannot start another field. */
function field(name: string, value: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.from('\n')]);
}

function severityOf(event: Event | undefined): number {
  return isWarning(event) ? WARNING : NOTICE;
}

function stamp(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = String(time.getDate()).padStart(2);
  return `${MONTHS[time.getMonth()]} ${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}
