import koffi from 'koffi';

/** Watches a descriptor for having something to read. */
export interface ReadableWatch {
  /** Watches again after `pause`. */
  resume(): void;
  pause(): void;
  /** Lets the process end meanwhile. */
  unref(): void;
  close(): void;
}

/** @param onReadable called again and again as long as there is something to read */
export function watchReadable(descriptor: number, onReadable: () => void): ReadableWatch {
  const poll = koffi.node.poll(descriptor, { readable: true }, onReadable);
  return {
    resume: () => poll.start({ readable: true }, onReadable),
    pause: () => poll.stop(),
    unref: () => poll.unref(),
    close: () => {
      poll.stop();
      poll.close();
    },
  };
}
