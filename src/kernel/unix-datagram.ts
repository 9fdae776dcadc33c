import koffi from 'koffi';
import { closeDescriptor } from './libbpf.js';

const libc = koffi.load('libc.so.6');
const openSocket = libc.func('int socket(int domain, int type, int protocol)');
const sendTo = libc.func(
  'int64 sendto(int fd, const void *message, size_t length, int flags, const void *address, uint32 address_length)',
);

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** sun_path of struct sockaddr_un (unix(7)). */
const PATH_BYTES_MAX = 108;

/**
 * Sends one datagram to a Unix socket, which Node.js has no means for, without waiting.
 *
 * @param path of the socket; with @ in front a name of the abstract kind
 * @returns whether it was sent
 */
export function sendUnixDatagram(path: string, text: string): boolean {
  const name = Buffer.from(path.replace(/^@/u, '\0'));
  if (name.byteLength >= PATH_BYTES_MAX) return false;
  const address = Buffer.alloc(2 + name.byteLength + (path.startsWith('@') ? 0 : 1));
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  const fd: number = openSocket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const message = Buffer.from(text);
  const sent: number = Number(
    sendTo(fd, message, message.byteLength, MSG_DONTWAIT | MSG_NOSIGNAL, address, address.byteLength),
  );
  closeDescriptor(fd);
  return sent === message.byteLength;
}
