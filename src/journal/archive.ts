import type { HubStart } from '../events/hub.js';
import type { Journal } from './journal.js';

/** The state from which a hub continues after a journal. */
export function archiveOf(journal: Journal): HubStart {
  return {
    run: journal.run,
    start: journal.next - 1,
    archive: {
      read: (after, since) => journal.read(after, since),
      knows: (run) => run === journal.run,
    },
  };
}
