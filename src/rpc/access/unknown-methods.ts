import type { Server, ServerMethodDefinition } from '@grpc/grpc-js';

/** Never called, since no request of an unknown method is read. */
const readNothing = (bytes: Buffer) => bytes;

/**
 * The table of methods of a grpc-js server, which is not part of its public interface;
 * test/unit/rpc/library-internals.test.ts pins it.
 */
interface MethodTable {
  readonly handlers: Map<string, object>;
}

/**
 * Sends calls of unknown methods through the interceptors like all others, which must answer them; otherwise grpc-js
 * answers any number of them itself.
 */
export function admitUnknownMethods(server: Server): void {
  const { handlers } = server as unknown as MethodTable;
  const known = handlers.get.bind(handlers);
  handlers.get = (path) =>
    known(path) ?? { path, type: 'unary', func: () => undefined, serialize: readNothing, deserialize: readNothing };
}

export function isUnknown({ requestDeserialize }: ServerMethodDefinition<unknown, unknown>): boolean {
  return requestDeserialize === readNothing;
}
