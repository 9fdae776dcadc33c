import type { HostState, HostStatus } from '../../control/host-state.js';
import type { MessageFeed } from './message-feed.js';

/** Reports when enforcement fails and returns, and each warning once when it comes up. @returns ends it */
export function followStatus(host: Pick<HostState, 'status' | 'onStatusChange'>, messages: MessageFeed): () => void {
  let before = host.status();
  return host.onStatusChange((status) => {
    tellEnforcing(before, status, messages);
    const known = new Set(before.warnings);
    for (const warning of status.warnings) if (!known.has(warning)) messages.publish('WARN', warning);
    before = status;
  });
}

function tellEnforcing(before: HostStatus, { enforcing, reason }: HostStatus, messages: MessageFeed): void {
  if (enforcing === before.enforcing && reason === before.reason) return;
  if (enforcing) messages.publish('INFO', 'policies are in force');
  else messages.publish('ERROR', `policies are not in force: ${reason}`);
}
