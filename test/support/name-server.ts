import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** What a server answers for a name: an address, perhaps of another name that stands for it. */
export interface Answer {
  readonly address: string;
  readonly timeToLive: number;
  readonly alias?: string;
}

const HEADER_BYTES = 12;
const TYPE_A = 1;
const TYPE_CNAME = 5;
const NO_SUCH_NAME = 3;

/** A name server (RFC 1035) on port 53 of the loopback address, by UDP and TCP, that knows IPv4 addresses only. */
export class NameServer {
  readonly #udp: Socket = createSocket('udp4');
  readonly #tcp: Server;
  /** The names that were asked for. */
  readonly asked: string[] = [];

  constructor(readonly answers: Readonly<Record<string, Answer>>) {
    this.#udp.on('message', (message, { port, address }) => {
      this.#udp.send(this.#answer(message), port, address);
    });
    this.#tcp = createServer((connection) => {
      connection.on('error', () => connection.destroy());
      connection.on('data', (data) => {
        const answer = this.#answer(data.subarray(2));
        connection.write(Buffer.concat([number(answer.length, 2), answer]));
      });
    });
  }

  async start(): Promise<void> {
    this.#udp.bind(53, '127.0.0.1');
    this.#tcp.listen(53, '127.0.0.1');
    await Promise.all([once(this.#udp, 'listening'), once(this.#tcp, 'listening')]);
  }

  stop(): void {
    this.#udp.close();
    this.#tcp.close();
  }

  #answer(message: Buffer): Buffer {
    let at = HEADER_BYTES;
    const parts: string[] = [];
    for (let length = message[at]!; length > 0; length = message[at]!) {
      parts.push(message.toString('latin1', at + 1, at + 1 + length));
      at += length + 1;
    }
    const name = parts.join('.').toLowerCase();
    this.asked.push(name);
    const question = message.subarray(HEADER_BYTES, at + 5);
    const answer = this.answers[name];
    const records = answer === undefined || message.readUInt16BE(at + 1) !== TYPE_A ? [] : recordsOf(answer);
    const flags = 0x8180 | (answer === undefined ? NO_SUCH_NAME : 0);
    const counts = [1, records.length, 0, 0].map((count) => number(count, 2));
    return Buffer.concat([message.subarray(0, 2), number(flags, 2), ...counts, question, ...records]);
  }
}

function recordsOf({ address, timeToLive, alias }: Answer): Buffer[] {
  const asked = number(0xc000 | HEADER_BYTES, 2);
  const bytes = Buffer.from(address.split('.').map(Number));
  if (alias === undefined) return [record(asked, TYPE_A, timeToLive, bytes)];
  const name = nameBytes(alias);
  return [record(asked, TYPE_CNAME, timeToLive, name), record(name, TYPE_A, 3600, bytes)];
}

function record(name: Buffer, type: number, timeToLive: number, data: Buffer): Buffer {
  return Buffer.concat([name, number(type, 2), number(1, 2), number(timeToLive, 4), number(data.length, 2), data]);
}

function nameBytes(name: string): Buffer {
  return Buffer.concat([
    ...name.split('.').flatMap((part) => [number(part.length, 1), Buffer.from(part)]),
    number(0, 1),
  ]);
}

function number(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}
