import type { Container } from '../containers/container.js';
import type { StoreChanges } from '../store/store.js';
import type { DesiredState } from './desired-state.js';
import type { LeftOut } from './rule-sets.js';

/** What is known about a change only when it is made. */
export interface Making {
  /** The revision of the change. */
  readonly revision: number;
  readonly leftOut: LeftOut;
}

/** The result of a change. */
export interface Made<Result> {
  readonly desired: DesiredState;
  readonly stored: StoreChanges;
  readonly result: Result;
}

/** One change of anything but containers, worked out but not yet made. */
export type Change<Result> =
  /** Everything is already as asked. */
  | { readonly next: undefined; readonly result: Result }
  | {
      readonly next: {
        readonly desired: DesiredState;
        /** Which containers' rules may have changed. */
        readonly affected: (container: Container) => boolean;
        /** Whether what the kernel holds for unknown containers is removed too, unless one of them still runs. */
        readonly isWhole?: true;
        /** @throws Failure where what would be left out of containers must not be */
        readonly check?: (leftOut: LeftOut) => Promise<void>;
      };
      readonly make: (making: Making) => Made<Result> | Promise<Made<Result>>;
    };

/** The same change with another result. */
export function mapResult<From, To>(change: Change<From>, map: (result: From) => To): Change<To> {
  if (change.next === undefined) return { next: undefined, result: map(change.result) };
  const { next, make } = change;
  return {
    next,
    make: async (making) => {
      const made = await make(making);
      return { ...made, result: map(made.result) };
    },
  };
}

/**
 * Works a change out from the state it is made to; no other such change is made meanwhile, but containers may come and
 * go.
 *
 * @throws Failure and then nothing has changed
 */
export type Work<Result> = (current: DesiredState) => Change<Result> | Promise<Change<Result>>;
