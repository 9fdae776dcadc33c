import type { Kernel } from './kernel.js';
import type { RingBuffer } from './ring-buffer.js';

/**
 * What the daemon needs of whatever enforces its policies. `Kernel`, made in src/daemon.ts, enforces them by BPF; another
 * enforcer has these members and is made in its place. Only public members are asked for: the private ones of a class
 * would keep every other class from taking its place.
 */
export type Enforcer = Omit<Kernel, 'accesses' | 'holdings' | 'layers' | 'openRing' | 'selfProtection'> & {
  readonly accesses: Omit<Kernel['accesses'], 'descriptor'>;
  readonly holdings: Pick<Kernel['holdings'], 'find' | 'isAttached' | 'mark' | 'marked' | 'unmark'>;
  readonly layers: Pick<Kernel['layers'], 'examine'>;
  openRing(): Omit<RingBuffer, 'close' | 'wakeUps'>;
};
