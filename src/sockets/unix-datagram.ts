import { constants } from 'node:os';
import { KernelError } from '../native/kernel-error.js';
import { closeDescriptor, connectSocket, openDatagramSocket, sendMessage } from '../native/libc.js';

const AF_UNIX = 1;
/** sun_path of struct sockaddr_un (unix(7)), less the zero at the end of a path. */
const PATH_BYTES_MAX = 107;
const { EAGAIN, ECONNREFUSED, EMSGSIZE, ENAMETOOLONG, ENOTCONN } = constants.errno;

/** Sends datagrams to a Unix socket without waiting, which Node.js does not support. */
export class UnixDatagrams {
  #descriptor: number | undefined;

  /** @param path of the socket; with @ in front a name of the abstract kind */
  constructor(readonly path: string) {}

  /**
   * @returns `full` while the receiver's queue is full, `too-long` for what it will never accept
   * @throws KernelError with the cause, such as that nobody receives there
   */
  send(bytes: Buffer): 'sent' | 'full' | 'too-long' {
    for (;;) {
      this.#descriptor ??= this.#connect();
      const result = sendMessage(this.#descriptor, bytes);
      if (result >= 0) return 'sent';
      const errno = -result;
      if (errno === EMSGSIZE) return 'too-long';
      if (errno === EAGAIN) return 'full';
      this.close();
      // Otherwise the receiver was started again.
      if (errno !== ECONNREFUSED && errno !== ENOTCONN) throw this.#failure(errno);
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeDescriptor(this.#descriptor);
    this.#descriptor = undefined;
  }

  #connect(): number {
    const name = Buffer.from(this.path.replace(/^@/u, '\0'));
    if (name.length > PATH_BYTES_MAX) throw this.#failure(ENAMETOOLONG);
    const end = this.path.startsWith('@') ? 0 : 1;
    const address = Buffer.alloc(2 + name.length + end);
    address.writeUInt16LE(AF_UNIX);
    name.copy(address, 2);
    const descriptor = openDatagramSocket();
    if (descriptor < 0) throw this.#failure(-descriptor);
    const result = connectSocket(descriptor, address);
    if (result === 0) return descriptor;
    closeDescriptor(descriptor);
    throw this.#failure(-result);
  }

  #failure(errno: number): KernelError {
    return new KernelError(`cannot send to ${this.path}`, errno);
  }
}

/** Sends one datagram. @returns whether it was sent */
export function sendUnixDatagram(path: string, text: string): boolean {
  const socket = new UnixDatagrams(path);
  try {
    return socket.send(Buffer.from(text)) === 'sent';
  } catch {
    return false;
  } finally {
    socket.close();
  }
}
