/**
 * A complete deterministic automaton over the bytes 1 to 255, with one default target per state: the transitions listed
 * for a state are those of the bytes that lead elsewhere. State 0 is the dead state, from which nothing is matched.
 */
export interface Automaton {
  readonly start: number;
  /** How many states, including the dead state. */
  readonly states: number;
  /** Per state, where a byte without a transition of its own leads. */
  readonly defaults: Int32Array;
  /** The transitions of a state are those from `firstTransition[state]` to before `firstTransition[state + 1]`. */
  readonly firstTransition: Int32Array;
  readonly bytes: Uint8Array;
  readonly targets: Int32Array;
  /** Per state, the label of paths that end there; 0 for none. See verdicts.ts. */
  readonly labels: Int32Array;
}

/** Bytes a path can hold: all but NUL. */
export const PATH_BYTE_VALUES = 255;

export const DEAD_STATE = 0;
export const LABEL_NOTHING = 0;
