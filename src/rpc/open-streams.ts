import { ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';

const STOPPING = { code: status.UNAVAILABLE, details: 'hauberkd is stopping' };

/** Knows every stream of responses that is open, whichever service it belongs to, so that all can be ended. */
export class OpenStreams {
  readonly #ends = new Set<() => void>();

  /** To be given to the server that is watched. */
  readonly interceptor: ServerInterceptor = (method, call) => {
    if (!method.responseStream) return new ServerInterceptingCall(call);
    let ended = false;
    const end = () => {
      ended = true;
      call.sendStatus(STOPPING);
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          // Before that, the call may have been refused or ended already, and its end would not be noticed.
          onReceiveMetadata: (metadata, proceed) => {
            this.#ends.add(end);
            proceed(metadata);
          },
          // grpc-js reports every end of a call as a cancellation to the listener.
          onCancel: () => this.#ends.delete(end),
        }),
      // Nothing may follow the status, which the handler does not know about yet.
      sendMessage: (message, next) => {
        if (!ended) next(message);
      },
    });
  };

  /** Ends every open stream with UNAVAILABLE, without waiting for messages that a slow client has not read. */
  endAll(): void {
    for (const end of this.#ends) end();
  }
}
