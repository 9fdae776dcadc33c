import { watchReadable } from '../native/readable.js';
import { ProcessDescriptor } from './pidfd.js';

/**
 * Calls back once when a process ends, woken by its pidfd; at once (but not before it returns) when it has ended
 * already. Does not keep this process alive.
 */
export function watchExit(pid: number, onExit: () => void): { close(): void } {
  const descriptor = ProcessDescriptor.open(pid);
  if (descriptor === undefined) {
    const soon = setImmediate(onExit);
    return { close: () => clearImmediate(soon) };
  }
  let open = true;
  const end = () => {
    if (!open) return;
    open = false;
    watch.close();
    descriptor.close();
  };
  const watch = watchReadable(descriptor.fd, () => {
    end();
    onExit();
  });
  watch.unref();
  return { close: end };
}
