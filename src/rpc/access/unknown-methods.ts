import type { Server, ServerMethodDefinition } from '@grpc/grpc-js';

/** Of a method that there is not no request is read, so nothing calls it. */
const readNothing = (bytes: Buffer) => bytes;

/** The table of methods of a grpc-js server, which is no part of its interface; test/unit/rpc/unread-answers.test.ts pins it. */
interface MethodTable {
  readonly handlers: Map<string, object>;
}

/**
 * Has calls of methods that there are not go through the interceptors, as all calls: grpc-js answers them by itself
 * otherwise, whatever their number. The interceptors must answer them.
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
