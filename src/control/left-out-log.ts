import type { HostState } from './host-state.js';

interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/**
 * Logs which policies are left out of which containers, whenever that has changed.
 *
 * @param nameOf a container's name by its id
 */
export function logLeftOut(
  host: Pick<HostState, 'onStatusChange'>,
  nameOf: (id: string) => string | undefined,
  logger: Logger,
): void {
  const logged = new Map<string, string>();
  host.onStatusChange(({ leftOut }) => {
    for (const [id, policies] of leftOut) {
      const text = policies.join();
      if (logged.get(id) === text) continue;
      logged.set(id, text);
      const fields = { container: id, name: nameOf(id), policies };
      logger.warn(fields, 'policies are left out of a container, since they do not compile together');
    }
    for (const id of logged.keys()) {
      if (leftOut.has(id)) continue;
      logged.delete(id);
      const name = nameOf(id);
      if (name !== undefined) logger.info({ container: id, name }, 'no policy is left out of a container any more');
    }
  });
}
