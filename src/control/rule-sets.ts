import type { Container } from '../containers/container.js';
import type { Reviewer } from '../explain/review.js';
import type { Policy, Postures } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { finishInTimeSlices, inTimeSlices } from '../time-slices.js';
import type { DesiredState } from './desired-state.js';
import { type Attempt, attemptBy, type Fit, Fitting } from './fitting.js';
import type { HostSubject } from './host-subject.js';
import type { LiveImages } from './images.js';
import {
  type Decisions,
  likenessOf,
  type PolicySubject,
  type ResolutionSettings,
  ruleSetInSteps,
  ruleSetOfPolicyInSteps,
  subjectsOf,
} from './resolution.js';
import { reviewerInSteps } from './reviewer.js';

/** By container id: keys of the policies that reach it and are not, or would not be, in force in it. */
export type LeftOut = ReadonlyMap<string, readonly string[]>;

/** What is made of the rules that decide for containers and the host. */
export class RuleSets {
  readonly #fitting: Fitting;

  constructor(
    readonly images: Pick<LiveImages, 'has' | 'fits' | 'decidedRules' | 'tryToCompile' | 'limits'>,
    readonly settings: ResolutionSettings,
    readonly hostSubject: Pick<HostSubject, 'current'>,
  ) {
    this.#fitting = new Fitting((ruleSet) => images.fits(ruleSet));
  }

  /** Left out: policies for the host are kept but not enforced. */
  get host(): Container | undefined {
    return this.hostSubject.current;
  }

  /**
   * Makes something from the rules that would decide for a container.
   *
   * @param make throws a Failure resource-exhausted when they are too large; it may be called more than once
   */
  async makeFor<Made>(
    container: PolicySubject,
    decisions: Decisions,
    make: (ruleSet: RuleSet) => Promise<Made>,
  ): Promise<Made> {
    return (await this.fit(container, decisions, make)).made;
  }

  /** Finds what the authors of policies should know about their rules among all of a rule set. */
  async reviewerOf(ruleSet: RuleSet, postures: Postures): Promise<Reviewer> {
    const decided = await this.images.decidedRules(ruleSet);
    return finishInTimeSlices(reviewerInSteps(ruleSet, decided, postures));
  }

  /**
   * Tries to compile what `prepare` would compile.
   *
   * @param compile does it, and throws where that fails
   * @param disconnected aborted when the caller has disconnected
   * @throws Failure where that fails
   */
  async preview(
    desired: DesiredState,
    affected: (container: Container) => boolean,
    compile: (ruleSet: RuleSet) => Promise<unknown>,
    disconnected?: AbortSignal,
  ): Promise<LeftOut> {
    const leftOut = new Map<string, readonly string[]>();
    const known = new Map<string, readonly string[]>();
    const tryIt = async (ruleSet: RuleSet) => {
      if (!this.images.has(ruleSet)) await compile(ruleSet);
    };
    for await (const container of inTimeSlices(subjectsOf(desired, this.host), disconnected)) {
      if (!affected(container)) continue;
      const likeness = likenessOf(container, desired);
      const keys = known.get(likeness) ?? (await this.fit(container, desired, tryIt, attemptBy(tryIt))).leftOut;
      known.set(likeness, keys);
      if (keys.length > 0) leftOut.set(container.id, keys);
    }
    return leftOut;
  }

  /** Compiles the rules of one policy, as if it were the only one. @throws Failure where that fails */
  async compileAlone(
    policy: Policy,
    compile: (ruleSet: RuleSet) => Promise<unknown> = (ruleSet) => this.images.tryToCompile(ruleSet),
  ): Promise<void> {
    await compile(await finishInTimeSlices(ruleSetOfPolicyInSteps(policy, this.settings)));
  }

  /** Makes what is to be made of the rules that would decide for a container: see Fitting. */
  fit<Made>(
    container: PolicySubject,
    decisions: Decisions,
    make: (ruleSet: RuleSet) => Promise<Made>,
    attempt?: Attempt,
  ): Promise<Fit<Made>> {
    const rulesWithout = (leftOut: ReadonlySet<string>) =>
      finishInTimeSlices(ruleSetInSteps(container, decisions, this.settings, leftOut));
    return this.#fitting.fit(decisions.policies.reaching(container), rulesWithout, make, attempt);
  }
}
