import { EventEmitter } from 'node:events';
import type { SecurityEvent } from './events/event.js';

interface Notifications {
  /** Something that the status of the host includes has changed. */
  status: [];
  /** The kernel holds a change, so many seconds after the call. */
  applied: [seconds: number];
  /** A change was made, perhaps one that the kernel did not take. */
  changed: [];
  /** Events were published, or dropped on purpose. */
  published: [events: readonly SecurityEvent[]];
}

/**
 * Takes what happens in one part of the daemon to parts that are made after it: it is made first, and whoever wants to be
 * notified listens once it exists.
 */
export class Notifier extends EventEmitter<Notifications> {}
