import { isStep, type Steps } from '../steps.js';
import { type Automaton, DEAD_STATE } from './automaton.js';
import { IntBuffer } from './integers.js';

/** All states except the dead one, each once, in the order in which a walk reaches them. */
export interface WalkOrder {
  readonly states: readonly number[];
  /** For each place: one past the last of the states that are reached through this state and no earlier one. */
  readonly ends: readonly number[];
}

/**
 * Level by level while that takes no more than `room` entries, then path after path. States that most walks pass are
 * together at the beginning, and the rest of each path is together too.
 *
 * @param entriesOf how many entries a state takes
 */
export function* inOrderOfWalks(
  automaton: Automaton,
  room: number,
  entriesOf: (state: number) => number,
): Steps<WalkOrder> {
  const seen = new Uint8Array(automaton.states);
  seen[DEAD_STATE] = 1;
  const visit = (state: number): boolean => {
    if (seen[state]) return false;
    seen[state] = 1;
    return true;
  };
  const states = new IntBuffer(automaton.states);
  const ends = new IntBuffer(automaton.states);
  let taken = 0;
  const level = new IntBuffer();
  level.push(automaton.start);
  let next = 0;
  for (; next < level.length && taken < room; next++) {
    const state = level.at(next);
    if (!visit(state)) continue;
    states.push(state);
    ends.push(states.length);
    taken += entriesOf(state);
    pushSuccessors(automaton, state, level);
  }
  const waiting = new IntBuffer();
  for (let index = level.length - 1; index >= next; index--) waiting.push(level.at(index));
  // Marks the end of what is reached through the state at its place.
  const endOf = (place: number) => -1 - place;
  while (waiting.length > 0) {
    const state = waiting.at(--waiting.length);
    if (state < 0) {
      ends.values[-1 - state] = states.length;
      continue;
    }
    if (!visit(state)) continue;
    const place = states.length;
    states.push(state);
    ends.push(states.length);
    waiting.push(endOf(place));
    const first = waiting.length;
    pushSuccessors(automaton, state, waiting);
    waiting.values.subarray(first, waiting.length).reverse();
    if (isStep(place)) yield;
  }
  return {
    states: Array.from(states.values.subarray(0, states.length)),
    ends: Array.from(ends.values.subarray(0, ends.length)),
  };
}

/** The default comes last: fewer walks follow it. */
function pushSuccessors({ defaults, firstTransition, targets }: Automaton, state: number, list: IntBuffer): void {
  for (let index = firstTransition[state]!; index < firstTransition[state + 1]!; index++) list.push(targets[index]!);
  list.push(defaults[state]!);
}
