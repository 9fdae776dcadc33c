import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type Server } from 'node:net';
import { parseAddressBlock } from '../../src/policy/address.js';

/** A server's answer for a name: an IPv4 or IPv6 address, possibly by a CNAME. */
export interface Answer {
  readonly address: string;
  readonly timeToLive: number;
  readonly alias?: string;
  /** How many consecutive addresses follow the first. */
  readonly more?: number;
}

/** An answer that nobody who has asked should believe. */
export interface Forgery {
  readonly address: string;
  /** Another name than was asked for. */
  readonly name?: string;
  readonly hasWrongNumber?: true;
  /** Sent by another socket. */
  readonly from?: { readonly address: string; readonly port: number };
}

const HEADER_BYTES = 12;
const TYPE_A = 1;
const TYPE_CNAME = 5;
const TYPE_AAAA = 28;
const NO_SUCH_NAME = 3;

/** A name server (RFC 1035, RFC 3596) on port 53, by UDP and TCP, IPv4 and IPv6. */
export class NameServer {
  readonly #udp: Socket = createSocket({ type: 'udp6', reuseAddr: true });
  readonly #tcp: Server;
  /** The names that were requested. */
  readonly requested: string[] = [];
  /** Sent before each answer by UDP over IPv4. */
  forgeries: readonly Forgery[] = [];

  constructor(readonly answers: Readonly<Record<string, Answer>>) {
    this.#udp.on('message', (message, { port, address }) => {
      for (const forgery of this.forgeries) this.#forge(forgery, message, { port, address });
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
    this.#udp.bind(53, '::');
    this.#tcp.listen(53, '::');
    await Promise.all([once(this.#udp, 'listening'), once(this.#tcp, 'listening')]);
  }

  stop(): void {
    this.#udp.close();
    this.#tcp.close();
  }

  #forge(
    { address, name, hasWrongNumber, from }: Forgery,
    question: Buffer,
    to: { port: number; address: string },
  ): void {
    const forged = Buffer.concat([
      number(question.readUInt16BE() ^ (hasWrongNumber ? 1 : 0), 2),
      ...[0x8180, 1, 1, 0, 0].map((each) => number(each, 2)),
      name === undefined ? question.subarray(HEADER_BYTES) : Buffer.concat([nameBytes(name), question.subarray(-4)]),
      ...recordsOf({ address, timeToLive: 60 }),
    ]);
    if (from === undefined) {
      this.#udp.send(forged, to.port, to.address);
      return;
    }
    const other = createSocket({ type: 'udp4', reuseAddr: true });
    other.bind(from.port, from.address, () =>
      other.send(forged, to.port, to.address.replace('::ffff:', ''), () => other.close()),
    );
  }

  #answer(message: Buffer): Buffer {
    let at = HEADER_BYTES;
    const parts: string[] = [];
    for (let length = message[at]!; length > 0; length = message[at]!) {
      parts.push(message.toString('latin1', at + 1, at + 1 + length));
      at += length + 1;
    }
    const name = parts.join('.').toLowerCase();
    this.requested.push(name);
    const question = message.subarray(HEADER_BYTES, at + 5);
    const answer = this.answers[name];
    const type = message.readUInt16BE(at + 1);
    const records = answer === undefined || type !== typeOf(answer.address) ? [] : recordsOf(answer);
    const flags = 0x8180 | (answer === undefined ? NO_SUCH_NAME : 0);
    const counts = [1, records.length, 0, 0].map((count) => number(count, 2));
    return Buffer.concat([message.subarray(0, 2), number(flags, 2), ...counts, question, ...records]);
  }
}

function recordsOf({ address, timeToLive, alias, more = 0 }: Answer): Buffer[] {
  const requested = number(0xc000 | HEADER_BYTES, 2);
  const type = typeOf(address);
  const bytes = addressBytes(address);
  const later = (distance: number) => number((bytes.readUInt32BE() + distance) >>> 0, 4);
  if (alias === undefined)
    return [bytes, ...Array.from({ length: more }, (_, index) => later(index + 1))].map((each) =>
      record(requested, type, timeToLive, each),
    );
  const name = nameBytes(alias);
  return [record(requested, TYPE_CNAME, timeToLive, name), record(name, type, 3600, bytes)];
}

function addressBytes(address: string): Buffer {
  const block = parseAddressBlock(address);
  assert.ok(typeof block !== 'string', `${address} ${block}`);
  return Buffer.from(block.address);
}

function typeOf(address: string): number {
  return isIPv6(address) ? TYPE_AAAA : TYPE_A;
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
