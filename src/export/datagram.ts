import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int family, int type, int protocol)');
const connect = libc.func('int connect(int fd, const void *address, unsigned int length)');
const send = libc.func('int64 send(int fd, const void *data, size_t length, int flags)');
const close = libc.func('int close(int fd)');

const AF_UNIX = 1;
/** SOCK_DGRAM, SOCK_CLOEXEC and SOCK_NONBLOCK. */
const TYPE = 0o2004002;
const MSG_NOSIGNAL = 0x4000;
const FULL_MILLISECONDS = 20;
const PATH_BYTES_MAX = 107;
const { EAGAIN, ECONNREFUSED, ENOTCONN, EMSGSIZE } = koffi.os.errno as Record<string, number>;

/** Sends datagrams to a Unix socket, which Node.js cannot. */
export class DatagramSocket {
  #descriptor: number | undefined;

  constructor(readonly path: string) {}

  /** Waits while the receiver's queue is full. @returns false where the datagram is too long @throws Error with the cause */
  async send(bytes: Buffer): Promise<boolean> {
    for (;;) {
      this.#descriptor ??= this.#connect();
      if (Number(send(this.#descriptor, bytes, bytes.length, MSG_NOSIGNAL)) >= 0) return true;
      const errno = koffi.errno();
      if (errno === EMSGSIZE) return false;
      if (errno === EAGAIN) await sleep(FULL_MILLISECONDS);
      else {
        this.close();
        // The receiver was started again.
        if (errno !== ECONNREFUSED && errno !== ENOTCONN) throw this.#failure(errno);
      }
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) close(this.#descriptor);
    this.#descriptor = undefined;
  }

  #connect(): number {
    const address = Buffer.alloc(2 + PATH_BYTES_MAX + 1);
    address.writeUInt16LE(AF_UNIX);
    address.write(this.path, 2, PATH_BYTES_MAX);
    const descriptor = socket(AF_UNIX, TYPE, 0) as number;
    if (descriptor < 0) throw this.#failure(koffi.errno());
    if (connect(descriptor, address, address.length) === 0) return descriptor;
    const failure = this.#failure(koffi.errno());
    close(descriptor);
    throw failure;
  }

  #failure(errno: number): Error {
    const name = Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
    return new Error(`cannot send to ${this.path}: ${name}`);
  }
}
