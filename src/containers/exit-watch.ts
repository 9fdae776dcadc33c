import koffi from 'koffi';

const PIDFD_OPEN = 434;
const libc = koffi.load('libc.so.6');
const systemCall = libc.func('long syscall(long number, int pid, unsigned int flags)');
const close = libc.func('int close(int fd)');

/**
 * Calls back once when a process ends, woken by its pidfd; at once (but not before it returns) when it has ended
 * already. Does not keep this process alive.
 */
export function watchExit(pid: number, onExit: () => void): { close(): void } {
  const descriptor = Number(systemCall(PIDFD_OPEN, pid, 0));
  if (descriptor < 0) {
    const soon = setImmediate(onExit);
    return { close: () => clearImmediate(soon) };
  }
  let open = true;
  const end = () => {
    if (!open) return;
    open = false;
    poll.stop();
    poll.close();
    close(descriptor);
  };
  const poll = koffi.node.poll(descriptor, { readable: true }, () => {
    end();
    onExit();
  });
  poll.unref();
  return { close: end };
}
