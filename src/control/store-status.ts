import type { Store } from '../store/store.js';

/** Why changes cannot be written down. `damaged`: what is stored is not what was acknowledged. */
export const STORE_PROBLEMS = ['damaged', 'full', 'failing'] as const;

export interface StoreProblem {
  readonly cause: (typeof STORE_PROBLEMS)[number];
  /** For people, with what can be done about it. */
  readonly reason: string;
}

/** The problem of a store; undefined while it can be written to. */
export function problemOf({ damage, problem }: Pick<Store, 'damage' | 'problem'>): StoreProblem | undefined {
  if (problem === undefined) return undefined;
  const cause = damage.length > 0 ? 'damaged' : problem.code === 'resource-exhausted' ? 'full' : 'failing';
  return { cause, reason: problem.message };
}
