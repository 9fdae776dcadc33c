import { type Automaton, DEAD_STATE } from './automaton.js';

/**
 * The states but the dead one, each once, in the order in which a walk comes to them: level by level while that takes no
 * more than `room` entries, then path after path. What most walks go through stands together at the beginning, and the
 * rest of a path stands together too.
 *
 * @param entriesOf how many entries a state takes
 */
export function* inOrderOfWalks(
  automaton: Automaton,
  room: number,
  entriesOf: (state: number) => number,
): Iterable<number> {
  const seen = new Uint8Array(automaton.states);
  seen[DEAD_STATE] = 1;
  const visit = (state: number): boolean => {
    if (seen[state]) return false;
    seen[state] = 1;
    return true;
  };
  let taken = 0;
  const level = [automaton.start];
  let next = 0;
  for (; next < level.length && taken < room; next++) {
    const state = level[next]!;
    if (!visit(state)) continue;
    yield state;
    taken += entriesOf(state);
    level.push(...successors(automaton, state));
  }
  const waiting = level.slice(next).reverse();
  while (waiting.length > 0) {
    const state = waiting.pop()!;
    if (!visit(state)) continue;
    yield state;
    waiting.push(...successors(automaton, state).reverse());
  }
}

/** The default comes last: fewer walks follow it. */
function successors({ defaults, firstTransition, targets }: Automaton, state: number): number[] {
  return [...targets.subarray(firstTransition[state]!, firstTransition[state + 1]!), defaults[state]!];
}
