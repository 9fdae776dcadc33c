/** Nobody receives the answer to a held start any more: the runtime starts the container, whatever the answer. */
export class ConnectionLost extends Error {}

/** Whether a container starts also when it is not protected, as far as that is known by now. */
export function startsUnprotected({ startsAnyway, held }: { startsAnyway: boolean; held: AbortSignal }): boolean {
  return startsAnyway || held.reason instanceof ConnectionLost;
}
