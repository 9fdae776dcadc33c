import { type Automaton, DEAD_STATE } from './automaton.js';
import { isStep, type Steps } from './steps.js';

/** The states but the dead one, each once, in the order in which a walk comes to them. */
export interface WalkOrder {
  readonly states: readonly number[];
  /** For each place: one past the last of the states that are come to through this one and no earlier one. */
  readonly ends: readonly number[];
}

/**
 * Level by level while that takes no more than `room` entries, then path after path. What most walks go through stands
 * together at the beginning, and the rest of a path stands together too.
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
  const states: number[] = [];
  const ends: number[] = [];
  let taken = 0;
  const level = [automaton.start];
  let next = 0;
  for (; next < level.length && taken < room; next++) {
    const state = level[next]!;
    if (!visit(state)) continue;
    ends.push(states.push(state));
    taken += entriesOf(state);
    level.push(...successors(automaton, state));
  }
  const waiting = level.slice(next).reverse();
  // Stands for the end of what is come to through the state at its place.
  const endOf = (place: number) => -1 - place;
  while (waiting.length > 0) {
    const state = waiting.pop()!;
    if (state < 0) {
      ends[-1 - state] = states.length;
      continue;
    }
    if (!visit(state)) continue;
    const place = states.push(state) - 1;
    waiting.push(endOf(place), ...successors(automaton, state).reverse());
    if (isStep(place)) yield;
  }
  return { states, ends };
}

/** The default comes last: fewer walks follow it. */
function successors({ defaults, firstTransition, targets }: Automaton, state: number): number[] {
  return [...targets.subarray(firstTransition[state]!, firstTransition[state + 1]!), defaults[state]!];
}
