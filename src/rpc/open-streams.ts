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
          // Before it, the call may have been turned away already or be over, and nobody would hear of its end.
          onReceiveMetadata: (metadata, proceed) => {
            this.#ends.add(end);
            proceed(metadata);
          },
          // grpc-js reports every end of a call as a cancellation to the listener.
          onCancel: () => this.#ends.delete(end),
        }),
      // After the status nothing may follow, and the handler does not know of it yet.
      sendMessage: (message, next) => {
        if (!ended) next(message);
      },
    });
  };

  /** Ends every open stream with UNAVAILABLE, past the messages that still wait for a slow client in the handler. */
  endAll(): void {
    for (const end of this.#ends) end();
  }
}
