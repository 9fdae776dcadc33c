import type { Socket } from 'node:net';
import { networkOf } from '../access/client-address.js';

/** Connections of one address, and of all, that may be without a certificate at a time. */
const PER_ADDRESS_MAX = 256;
export const HANDSHAKES_MAX = 1024;

/**
 * Connections whose client is not known yet. If there are too many, the oldest of the address with the most is closed,
 * so that clients with a certificate, which only need a moment, find a place however many others there are.
 */
export class Handshakes {
  /** By network, then by port and address; oldest first. */
  readonly #waiting = new Map<string, Map<string, Socket>>();
  /** Evictions that the TLS server has not reported yet. */
  #untold = 0;
  #size = 0;

  constructor(private readonly onEvicted: (address: string) => void) {}

  /** A connection has come in, and nothing is known of it. */
  begin(socket: Socket): void {
    const network = networkOf(socket.remoteAddress ?? '');
    const address = addressOf(socket);
    const waiting = this.#waiting.get(network) ?? new Map<string, Socket>();
    this.#waiting.set(network, waiting.set(address, socket));
    this.#size++;
    socket.once('close', () => this.#end(network, address));
    if (waiting.size > PER_ADDRESS_MAX) this.#evictOldestOf(waiting);
    else if (this.#size > HANDSHAKES_MAX) this.#evictOldestOf(this.#largest());
  }

  /** The client is known. */
  succeeded(socket: Socket): void {
    this.#end(networkOf(socket.remoteAddress ?? ''), addressOf(socket));
  }

  /** Whether a failed handshake is one that was cut, and counted, here: it is not counted again. */
  wasEvicted({ remoteAddress }: Socket): boolean {
    if (remoteAddress !== undefined || this.#untold === 0) return false;
    this.#untold--;
    return true;
  }

  #end(network: string, address: string): void {
    const waiting = this.#waiting.get(network);
    if (waiting?.delete(address) !== true) return;
    this.#size--;
    if (waiting.size === 0) this.#waiting.delete(network);
  }

  /** A connection whose client is not known yet, if there is one. */
  #evictOldestOf(waiting: Map<string, Socket>): void {
    const silent = [...waiting].find(([, { bytesRead }]) => bytesRead === 0);
    const [address, socket] = silent ?? waiting.entries().next().value!;
    this.#untold++;
    this.onEvicted(address);
    socket.destroy();
  }

  #largest(): Map<string, Socket> {
    return [...this.#waiting.values()].reduce((most, each) => (each.size > most.size ? each : most));
  }
}

export function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
