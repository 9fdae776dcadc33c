import { Failure } from '../failure.js';
import { type Policy, policyKey } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { finishInTimeSlices } from '../time-slices.js';
import { keyInSteps } from './images.js';
import { TooManyJobs } from './work-thread.js';

/**
 * At most this many rule sets are tried to find out, policy by policy, what compiles together; of the policies that are
 * left by then those with the fewest wildcards are taken, see fewestWildcards.
 */
const ATTEMPTS_MAX = 24;
/** For this many rule sets that are too large it is remembered what was left out. */
const REMEMBERED_MAX = 256;

/** The rules of some policies without those of the policies left out, whose postures stay in force. */
export type RulesWithout = (leftOut: ReadonlySet<string>) => RuleSet | Promise<RuleSet>;

export interface Fit<Made> {
  readonly made: Made;
  readonly ruleSet: RuleSet;
  /** Keys of the policies that are left out, in the order of `inOrderOfWeight`. */
  readonly leftOut: readonly string[];
}

/** Whether a rule set compiles. */
export type Attempt = (ruleSet: RuleSet) => Promise<boolean>;

const NOTHING: ReadonlySet<string> = new Set();

/**
 * Finds out which of the policies that reach a container compile together. Whoever chooses a container's labels chooses
 * its policies, and must not be able to shed them all or to keep other policies out.
 */
export class Fitting {
  readonly #remembered = new Map<string, readonly string[]>();

  constructor(readonly attempt: Attempt) {}

  /**
   * Makes the result from the rules of all policies or, where these are too large together, from as many as fit.
   *
   * @param make throws a Failure resource-exhausted when they are too large
   * @param attempt tries what fits, if not in the usual way
   */
  async fit<Made>(
    policies: readonly Policy[],
    rulesWithout: RulesWithout,
    make: (ruleSet: RuleSet) => Promise<Made>,
    attempt: Attempt = this.attempt,
  ): Promise<Fit<Made>> {
    const all = await rulesWithout(NOTHING);
    const key = await finishInTimeSlices(keyInSteps(all));
    let leftOut = this.#remembered.get(key);
    if (leftOut === undefined) {
      try {
        return { made: await make(all), ruleSet: all, leftOut: [] };
      } catch (error) {
        if (!isTooLarge(error)) throw error;
      }
      leftOut = await search([...policies].sort(inOrderOfWeight), rulesWithout, attempt);
    }
    this.#remember(key, leftOut);
    const ruleSet = await rulesWithout(new Set(leftOut));
    await finishInTimeSlices(keyInSteps(ruleSet));
    return { made: await make(ruleSet), ruleSet, leftOut };
  }

  #remember(key: string, leftOut: readonly string[]): void {
    // What was applied last comes last.
    this.#remembered.delete(key);
    this.#remembered.set(key, leftOut);
    if (this.#remembered.size > REMEMBERED_MAX) this.#remembered.delete(this.#remembered.keys().next().value!);
  }
}

/**
 * Takes the policies in their order, and leaves each out that does not fit with those that were taken before it: goes
 * forward in steps that double for as long as all fit, then looks for the one that does not. Returns the keys of those
 * that are left out, in that order.
 */
async function search(policies: readonly Policy[], rulesWithout: RulesWithout, attempt: Attempt): Promise<string[]> {
  const keys = policies.map(policyKey);
  const leftOut: string[] = [];
  let attempts = 0;
  /** Whether the first `count` fit without those that were left out before. */
  const fits = async (count: number) => {
    attempts++;
    return attempt(await rulesWithout(new Set([...leftOut, ...keys.slice(count)])));
  };
  let taken = 0;
  while (taken < keys.length && attempts < ATTEMPTS_MAX) {
    let step = 1;
    let tooMany: number | undefined;
    while (taken < keys.length && tooMany === undefined && attempts < ATTEMPTS_MAX) {
      const next = Math.min(keys.length, taken + step);
      // That all of them together do not fit is known.
      if ((next < keys.length || leftOut.length > 0) && (await fits(next))) taken = next;
      else tooMany = next;
      step *= 2;
    }
    while (tooMany !== undefined && tooMany - taken > 1 && attempts < ATTEMPTS_MAX) {
      const middle = Math.floor((taken + tooMany) / 2);
      if (await fits(middle)) taken = middle;
      else tooMany = middle;
    }
    if (tooMany === taken + 1) leftOut.push(keys[taken++]!);
  }
  const isKept = await fewestWildcards(policies.slice(taken), async (left) =>
    attempt(await rulesWithout(new Set([...leftOut, ...left]))),
  );
  return [...leftOut, ...keys.slice(taken).filter((key) => !isKept.has(key))];
}

/**
 * As many policies as fit, those with the fewest wildcards first: what makes automata too large are patterns, and the
 * policies without any are not to be shed along with them.
 *
 * @param fits whether the others fit without those of these keys
 */
async function fewestWildcards(
  policies: readonly Policy[],
  fits: (left: readonly string[]) => Promise<boolean>,
): Promise<ReadonlySet<string>> {
  const keys = policies
    .map((policy) => ({ key: policyKey(policy), wildcards: wildcardsOf(policy) }))
    .sort((a, b) => a.wildcards - b.wildcards)
    .map(({ key }) => key);
  let fitting = 0;
  let tooMany = keys.length + 1;
  while (tooMany - fitting > 1) {
    const middle = Math.floor((fitting + tooMany) / 2);
    if (await fits(keys.slice(middle))) fitting = middle;
    else tooMany = middle;
  }
  return new Set(keys.slice(0, fitting));
}

function wildcardsOf({ rules }: Policy): number {
  const texts = JSON.stringify(rules.map((rule) => [rule.match, rule.arguments]));
  return texts.match(/[*?]/gu)?.length ?? 0;
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

/** An attempt by what compiles, and throws where it cannot. */
export function attemptBy(compile: (ruleSet: RuleSet) => Promise<unknown>): Attempt {
  return async (ruleSet) => {
    try {
      await compile(ruleSet);
      return true;
    } catch (error) {
      if (isTooLarge(error)) return false;
      throw error;
    }
  };
}

/** That too many others wait to be compiled says nothing of a rule set. */
function isTooLarge(error: unknown): boolean {
  return error instanceof Failure && error.code === 'resource-exhausted' && !(error instanceof TooManyJobs);
}
