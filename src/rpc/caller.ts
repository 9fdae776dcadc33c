import { AsyncLocalStorage } from 'node:async_hooks';
import type { CallingProcess } from '../containers/descent.js';
import type { Caller } from '../control/work-thread.js';

/** Who calls by RPC. */
export interface RpcCaller extends Caller {
  /** Undefined where it comes by no Unix socket. */
  readonly process?: CallingProcess | undefined;
}

const calls = new AsyncLocalStorage<RpcCaller>();

/** A caller that never gives up: for work that is not called by RPC. */
const NO_CALLER: RpcCaller = { identity: '', disconnected: new AbortController().signal };

/** Runs a handler as a call of this caller's. */
export function runForCaller(caller: RpcCaller, handle: () => void): void {
  calls.run(caller, handle);
}

/** The caller of the handler that runs. */
export function currentCaller(): RpcCaller {
  return calls.getStore() ?? NO_CALLER;
}
