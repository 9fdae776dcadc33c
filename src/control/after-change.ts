import type { Expiry } from './expiry.js';
import type { HostState } from './host-state.js';
import type { Recordings } from './recordings.js';
import type { StoredStart } from './stored-start.js';

/** What has to be notified of each change of what is enforced. */
export interface Followers {
  readonly host: Pick<HostState, 'announce'>;
  readonly expiry: Pick<Expiry, 'schedule'>;
  readonly recordings: Pick<Recordings, 'changed'>;
  readonly start: Pick<StoredStart, 'changed'>;
  readonly logger: { error(fields: object, message: string): void };
}

/** To be called after each change. */
export function afterChange({ host, expiry, recordings, start, logger }: Followers): void {
  host.announce();
  expiry.schedule();
  recordings.changed();
  start.changed().catch((err: unknown) => logger.error({ err }, 'cannot load the restored state'));
}
