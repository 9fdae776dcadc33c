import type { Writable } from 'node:stream';

/** Where encoded messages of a stream go: the call of a client, or another stream. */
export type MessageStream = Pick<
  Writable,
  'write' | 'once' | 'off' | 'destroyed' | 'writableEnded' | 'writableNeedDrain'
> & {
  /** Of a call: the client has ended it. */
  readonly cancelled?: boolean;
};
