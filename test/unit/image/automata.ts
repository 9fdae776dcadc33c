import type { Automaton } from '../../../src/image/automaton.js';

interface State {
  readonly label: number;
  readonly byDefault: number;
  /** Targets by byte. */
  readonly transitions?: Readonly<Record<number, number>>;
}

/** An automaton given state by state; the first one is the dead state. */
export function automatonOf(states: readonly State[], start: number): Automaton {
  const transitions = states.map((state) => Object.entries(state.transitions ?? {}));
  const firstTransition = [0];
  for (const list of transitions) firstTransition.push(firstTransition.at(-1)! + list.length);
  return {
    start,
    states: states.length,
    defaults: Int32Array.from(states, ({ byDefault }) => byDefault),
    firstTransition: Int32Array.from(firstTransition),
    bytes: Uint8Array.from(transitions.flat(), ([byte]) => Number(byte)),
    targets: Int32Array.from(transitions.flat(), ([, target]) => target),
    labels: Int32Array.from(states, ({ label }) => label),
  };
}
