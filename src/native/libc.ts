import { promisify } from 'node:util';
import koffi from 'koffi';
import { KernelError } from './kernel-error.js';

/**
 * Functions of the C library and of the kernel for which Node.js has none. Where nothing else is said, they return what C
 * returns, or -errno, as libbpf does.
 */
const libc = koffi.load('libc.so.6');

const close = libc.func('int close(int fd)');
const mount = libc.func(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)',
);
const mmap = libc.func('void *mmap(void *address, size_t length, int protection, int flags, int fd, int64 offset)');
const sysconf = libc.func('long sysconf(int name)');
const clockGetTime = libc.func('int clock_gettime(int clock, void *time)');
const systemCall = libc.func('long syscall(long number, int pid, unsigned int flags)');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const connect = libc.func('int connect(int fd, const void *address, uint32 length)');
const send = libc.func('int64 send(int fd, const void *message, size_t length, int flags)');
const getSocketOption = libc.func(
  'int getsockopt(int fd, int level, int name, _Out_ void *value, _Inout_ uint32 *length)',
);

const PIDFD_OPEN = 434;
const SC_PAGESIZE = 30;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffffffffffffffffn;
/** include/uapi/asm-generic/socket.h */
const SOL_SOCKET = 1;
const MSG_NOSIGNAL = 0x4000;
const AF_UNIX = 1;
/** SOCK_DGRAM, SOCK_CLOEXEC and SOCK_NONBLOCK. */
const DATAGRAMS = 0o2004002;
const NANOSECONDS = 1_000_000_000n;

const orErrno = (returned: number): number => (returned === -1 ? -koffi.errno() : returned);

export const closeDescriptor = (descriptor: number): number => orErrno(close(descriptor));

const closeAsync = promisify(close.async) as (descriptor: number) => Promise<number>;
/** The same off the event loop, for a descriptor whose closing takes time; without an errno. */
export const closeInThread = async (descriptor: number): Promise<void> => void (await closeAsync(descriptor));

export const mountFileSystem = (type: string, place: string): number => orErrno(mount(type, place, type, 0, null));

/**
 * Maps pages of a descriptor, shared with whoever else maps them, for as long as this process lives.
 *
 * @throws KernelError
 */
export function mapPages(descriptor: number, offset: number, length: number, access: 'read' | 'write'): ArrayBuffer {
  const protection = access === 'write' ? PROT_READ | PROT_WRITE : PROT_READ;
  const pages = mmap(null, length, protection, MAP_SHARED, descriptor, offset);
  if (koffi.address(pages) === MAP_FAILED) throw new KernelError('cannot map memory', koffi.errno());
  return koffi.view(pages, length);
}

export const pageBytes = (): number => Number(sysconf(SC_PAGESIZE));

/** struct timespec, where a long has 8 bytes. */
const time = new BigInt64Array(2);

/** A clock of clock_gettime(2), in nanoseconds. */
export function readClock(clock: number): bigint {
  clockGetTime(clock, time);
  return time[0]! * NANOSECONDS + time[1]!;
}

/** A descriptor of a process: pidfd_open(2). */
export const openProcess = (pid: number): number => orErrno(Number(systemCall(PIDFD_OPEN, pid, 0)));

/** A Unix socket for datagrams that never waits. */
export const openDatagramSocket = (): number => orErrno(socket(AF_UNIX, DATAGRAMS, 0));

/** @param address struct sockaddr_un (unix(7)) */
export const connectSocket = (descriptor: number, address: Uint8Array): number =>
  orErrno(connect(descriptor, address, address.length));

export const sendMessage = (descriptor: number, message: Uint8Array): number =>
  orErrno(Number(send(descriptor, message, message.length, MSG_NOSIGNAL)));

/**
 * Reads an option of a socket that consists of 32-bit numbers.
 *
 * @param values for as many as there can be
 * @returns how many bytes there were
 */
export function readSocketOption(descriptor: number, option: number, values: Uint32Array): number {
  const length = [values.byteLength];
  const result = orErrno(getSocketOption(descriptor, SOL_SOCKET, option, values, length));
  return result < 0 ? result : length[0]!;
}
