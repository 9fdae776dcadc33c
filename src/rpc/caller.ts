import { AsyncLocalStorage } from 'node:async_hooks';
import type { Caller } from '../control/work-thread.js';

const calls = new AsyncLocalStorage<Caller>();

/** A caller that waits as long as it takes: for what is not called by RPC. */
const NOBODY: Caller = { identity: '', gone: new AbortController().signal };

/** Runs a handler as a call of this caller's. */
export function runForCaller(caller: Caller, handle: () => void): void {
  calls.run(caller, handle);
}

/** The caller of the handler that runs. */
export function currentCaller(): Caller {
  return calls.getStore() ?? NOBODY;
}
