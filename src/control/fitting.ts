import { Failure } from '../failure.js';
import { type Policy, policyKey } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { keyOf } from './images.js';

/** So many rule sets may be tried to find out what compiles together; what was not tried by then is left out. */
const ATTEMPTS_MAX = 24;
/** Of so many rule sets that are too large it is remembered what was left out. */
const REMEMBERED_MAX = 256;

/** The rules of some policies without those of the policies left out, whose postures stay in force. */
export type RulesWithout = (leftOut: ReadonlySet<string>) => RuleSet;

export interface Fit<Made> {
  readonly made: Made;
  readonly ruleSet: RuleSet;
  /** Keys of the policies that are left out, in the order of `inOrderOfWeight`. */
  readonly leftOut: readonly string[];
}

/** Throws a Failure resource-exhausted when a rule set is too large, and makes nothing that has to be let go. */
export type Attempt = (ruleSet: RuleSet) => Promise<unknown>;

const NOTHING: ReadonlySet<string> = new Set();

/**
 * Finds out which of the policies that reach a container compile together. Whoever chooses a container's labels chooses
 * its policies, and must be able neither to shed them all nor to keep others from getting theirs.
 */
export class Fitting {
  readonly #remembered = new Map<string, readonly string[]>();

  constructor(readonly attempt: Attempt) {}

  /**
   * Makes what is to be made of the rules of all policies or, where these are too large together, of as many as fit.
   *
   * @param make throws a Failure resource-exhausted when they are too large
   * @param attempt where it is tried what fits, if not as always
   */
  async fit<Made>(
    policies: readonly Policy[],
    rulesWithout: RulesWithout,
    make: (ruleSet: RuleSet) => Promise<Made>,
    attempt: Attempt = this.attempt,
  ): Promise<Fit<Made>> {
    const all = rulesWithout(NOTHING);
    const key = keyOf(all);
    let leftOut = this.#remembered.get(key);
    if (leftOut === undefined) {
      try {
        return { made: await make(all), ruleSet: all, leftOut: [] };
      } catch (error) {
        if (!isTooLarge(error)) throw error;
      }
      leftOut = await search([...policies].sort(inOrderOfWeight).map(policyKey), rulesWithout, attempt);
    }
    this.#remember(key, leftOut);
    const ruleSet = rulesWithout(new Set(leftOut));
    return { made: await make(ruleSet), ruleSet, leftOut };
  }

  #remember(key: string, leftOut: readonly string[]): void {
    // What was asked for last comes last.
    this.#remembered.delete(key);
    this.#remembered.set(key, leftOut);
    if (this.#remembered.size > REMEMBERED_MAX) this.#remembered.delete(this.#remembered.keys().next().value!);
  }
}

/** Takes the policies in their order, and leaves each out that does not fit with those that were taken before it. */
async function search(keys: readonly string[], rulesWithout: RulesWithout, attempt: Attempt): Promise<string[]> {
  const leftOut: string[] = [];
  let attempts = 0;
  /** Whether the first `count` fit without those that were left out before. */
  const fits = async (count: number) => {
    attempts++;
    try {
      await attempt(rulesWithout(new Set([...leftOut, ...keys.slice(count)])));
      return true;
    } catch (error) {
      if (isTooLarge(error)) return false;
      throw error;
    }
  };
  let taken = 0;
  // That all of them do not fit is known at first; that what was taken does, always.
  let isKnownTooLarge = true;
  while (taken < keys.length) {
    if (!isKnownTooLarge && attempts < ATTEMPTS_MAX && (await fits(keys.length))) break;
    let [low, high] = [taken, keys.length];
    while (high - low > 1 && attempts < ATTEMPTS_MAX) {
      const middle = Math.floor((low + high) / 2);
      if (await fits(middle)) low = middle;
      else high = middle;
    }
    if (attempts >= ATTEMPTS_MAX) return [...leftOut, ...keys.slice(low)];
    leftOut.push(keys[low]!);
    taken = low + 1;
    isKnownTooLarge = false;
  }
  return leftOut;
}

/** A higher priority comes first, then what refuses something, then names. */
function inOrderOfWeight(a: Policy, b: Policy): number {
  return (
    (b.priority ?? 0) - (a.priority ?? 0) ||
    Number(refuses(b)) - Number(refuses(a)) ||
    (policyKey(a) < policyKey(b) ? -1 : 1)
  );
}

function refuses({ rules, mode }: Policy): boolean {
  return mode !== 'audit' && rules.some(({ action }) => action === 'Block');
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Failure && error.code === 'resource-exhausted';
}
