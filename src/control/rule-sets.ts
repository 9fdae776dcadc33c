import type { Container } from '../containers/container.js';
import type { Reviewer } from '../explain/review.js';
import { belowClusterSuffixes } from '../policy/cluster-names.js';
import { withFoldedNames } from '../policy/folding.js';
import { followLinks } from '../policy/links.js';
import { type BoundRule, type Policy, type Postures, policyKey } from '../policy/model.js';
import { overridden } from '../policy/override.js';
import { type RuleSet, resolveInSteps } from '../policy/rule-set.js';
import { NOTHING_VISIBLE, type Visibility } from '../policy/visibility.js';
import { runningProfileOf } from '../profile/profile.js';
import { finish, type Steps } from '../steps.js';
import { finishInTimeSlices, inTimeSlices } from '../time-slices.js';
import { type Decisions, likenessOf } from './container-kinds.js';
import type { DesiredState } from './desired-state.js';
import { type Attempt, attemptBy, type Fit, Fitting } from './fitting.js';
import type { HostSubject } from './host-subject.js';
import type { LiveImages } from './images.js';
import { posturesIn } from './namespace-postures.js';
import { reviewerInSteps } from './reviewer.js';
import { configuredVisibility, type VisibilitySubject } from './visibility.js';

/** By container id: keys of the policies that reach it and are not, or would not be, in force in it. */
export type LeftOut = ReadonlyMap<string, readonly string[]>;

/** What an operator can choose about the meaning of policies. */
export interface PolicySettings {
  /** The domain of the cluster, for example `cluster.local`; left out where names have no suffixes. */
  readonly clusterDomain?: string | undefined;
  /** Programs that no rule names get the posture of files, as in KubeArmor. */
  readonly filePostureForProcesses?: boolean;
  /** Which accesses are reported unless set otherwise; none by default. */
  readonly visibility?: Visibility;
}

/** A container as policies see it. */
export type PolicySubject = Pick<
  Container,
  | 'namespace'
  | 'labels'
  | 'links'
  | 'laterLinks'
  | 'sharedPrograms'
  | 'foldedPlaces'
  | 'isHost'
  | 'policyOverride'
  | 'visibility'
> &
  Partial<Pick<Container, 'id' | 'name'>>;

const NOTHING: ReadonlySet<string> = new Set();

/** The rules that a desired state makes for containers and the host, and what is made of them. */
export class RuleSets {
  readonly #fitting: Fitting;

  constructor(
    readonly images: Pick<LiveImages, 'has' | 'fits' | 'decidedRules'>,
    readonly postures: Postures,
    readonly hostSubject: Pick<HostSubject, 'current'>,
    readonly options: PolicySettings = {},
  ) {
    this.#fitting = new Fitting((ruleSet) => images.fits(ruleSet));
  }

  /** Left out: policies for the host are kept but not enforced. */
  get host(): Container | undefined {
    return this.hostSubject.current;
  }

  /** The rules that decide for a container, links of its root followed, except those of policies left out. */
  ruleSetFor(container: PolicySubject, decisions: Decisions, leftOut: ReadonlySet<string> = NOTHING): RuleSet {
    return finish(this.#ruleSetInSteps(container, decisions, leftOut));
  }

  /** The same where other work can run meanwhile. */
  ruleSetInTimeSlices(
    container: PolicySubject,
    decisions: Decisions,
    leftOut: ReadonlySet<string> = NOTHING,
  ): Promise<RuleSet> {
    return finishInTimeSlices(this.#ruleSetInSteps(container, decisions, leftOut));
  }

  *#ruleSetInSteps(container: PolicySubject, decisions: Decisions, leftOut: ReadonlySet<string>): Steps<RuleSet> {
    const { policies, profiles } = decisions;
    const bound = overridden(policies.boundRulesFor(container), container.policyOverride?.mode);
    yield;
    const named = belowClusterSuffixes(bound, container.namespace, this.options.clusterDomain);
    yield;
    const { links, laterLinks: later = {}, sharedPrograms: shared = [] } = container;
    const followed = followLinks(named, links, { later, shared });
    yield;
    const rules = withFoldedNames(followed, container.foldedPlaces ?? []);
    yield;
    const inForce = this.posturesFor(container.namespace, decisions);
    // Default deny stays in force even without the Allow rule that activated it.
    const isKept = ({ policy }: BoundRule) => leftOut.size === 0 || !leftOut.has(policyKey(policy));
    const ruleSet = yield* resolveInSteps(rules, inForce, isKept);
    const visible = this.visibilityOf(container, decisions);
    return {
      ...ruleSet,
      ...(runningProfileOf(container, profiles) !== undefined && { profiled: true }),
      ...(visible.length > 0 && { visible }),
    };
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
    for await (const container of inTimeSlices(this.subjects(desired), disconnected)) {
      if (!affected(container)) continue;
      const likeness = likenessOf(container, desired);
      const keys = known.get(likeness) ?? (await this.fit(container, desired, tryIt, attemptBy(tryIt))).leftOut;
      known.set(likeness, keys);
      if (keys.length > 0) leftOut.set(container.id, keys);
    }
    return leftOut;
  }

  /** What is done in a namespace where no rule names an access. */
  posturesFor(namespace: string, { postures }: Pick<DesiredState, 'postures'>): Postures {
    const own = { ...this.postures, ...posturesIn(postures, namespace) };
    return this.options.filePostureForProcesses ? { ...own, process: own.file } : own;
  }

  /** The classes of which allowed accesses of a container are reported. */
  visibilityOf(container: VisibilitySubject, { visibility }: Pick<DesiredState, 'visibility'>): Visibility {
    if (container.isHost) return NOTHING_VISIBLE;
    return configuredVisibility(container, visibility) ?? this.options.visibility ?? NOTHING_VISIBLE;
  }

  /** Every container and, if a policy reaches it, the host. */
  *subjects({ containers, policies }: Pick<DesiredState, 'containers' | 'policies'>): Generator<Container> {
    yield* containers.values();
    if (this.host !== undefined && policies.reaching(this.host).length > 0) yield this.host;
  }

  /** The rules of one policy, as if it were the only one. */
  ruleSetOfPolicy(policy: Policy): Promise<RuleSet> {
    return finishInTimeSlices(
      resolveInSteps(
        policy.rules.map((rule) => ({ policy, rule })),
        this.postures,
      ),
    );
  }

  /** Makes what is to be made of the rules that would decide for a container: see Fitting. */
  fit<Made>(
    container: PolicySubject,
    decisions: Decisions,
    make: (ruleSet: RuleSet) => Promise<Made>,
    attempt?: Attempt,
  ): Promise<Fit<Made>> {
    const rulesWithout = (leftOut: ReadonlySet<string>) => this.ruleSetInTimeSlices(container, decisions, leftOut);
    return this.#fitting.fit(decisions.policies.reaching(container), rulesWithout, make, attempt);
  }
}
