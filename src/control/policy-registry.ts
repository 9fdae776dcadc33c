import type { Access } from '../explain/access.js';
import type { Explanation } from '../explain/evaluate.js';
import { Failure } from '../failure.js';
import { toDocumentInSteps, toManifestInSteps } from '../policy/manifest-text.js';
import {
  isOfClient,
  originOf,
  type Policy,
  type PolicyName,
  type PolicyOrigin,
  type Postures,
  policyKey,
} from '../policy/model.js';
import type { PolicyDocument } from '../policy/policy-document.js';
import { PolicySet } from '../policy/policy-set.js';
import { readPolicy, warningsOf } from '../policy/validate.js';
import type { VisibilitySetting } from '../policy/visibility.js';
import { finishInTimeSlices, inTimeSlices } from '../time-slices.js';
import { type Change, mapResult } from './change.js';
import { type ChangePreview, type HostCheck, previewChange } from './change-preview.js';
import type { DesiredState } from './desired-state.js';
import type { DryRunPool } from './dry-run-pool.js';
import { type ExplainedSubject, explainAccess } from './explaining.js';
import { withHolders } from './holders.js';
import type { HookCoverage } from './hook-coverage.js';
import type { HostFiles } from './host-files.js';
import { changeHostLabels } from './host-labels.js';
import type { HostSubject } from './host-subject.js';
import type { InForce } from './in-force.js';
import type { Ledger, Outcome } from './ledger.js';
import { followLinksOf } from './link-search.js';
import { annotatedPostures, annotationChange, byNamespace, postureChange, setByClients } from './namespace-postures.js';
import { changeWithHost, checkHost } from './policy-host-guard.js';
import { type PolicyChange, type PolicyInput, planPolicies, reachedByInSteps } from './policy-plan.js';
import { type ReadManifest, readObjects } from './policy-reading.js';
import { reviewInputs } from './policy-review.js';
import { withPostureWarnings } from './posture-warnings.js';
import { posturesFor } from './resolution.js';
import { restoringChange } from './restoring.js';
import { reviewerHere } from './reviewers.js';
import type { RuleSets } from './rule-sets.js';
import { checkVersions, type ExpectedVersions } from './versions.js';
import { withVisibilityOfClients } from './visibility.js';
import { VISIBILITY_SETTINGS_MAX } from './visibility-registry.js';
import type { Caller } from './work-thread.js';

export interface ApplyOptions {
  readonly expected?: ExpectedVersions;
  /** Also accept what would stop processes that the host cannot do without. */
  readonly force?: boolean;
}

/** The policies of this host and the postures of its namespaces. */
export class PolicyRegistry {
  constructor(
    readonly ledger: Ledger,
    readonly rules: RuleSets,
    readonly host: HostSubject,
    readonly inForce: InForce,
    readonly dryRuns: DryRunPool,
    readonly coverage: Pick<HookCoverage, 'warningsFor'>,
    readonly hostFiles: HostFiles,
  ) {}

  /** Of namespaces without a setting. */
  get defaultPostures(): Postures {
    return this.rules.settings.postures;
  }

  /** @param now policies that ended before are refused @throws Failure with every problem of every document */
  readManifest(text: string, now = Date.now()): readonly PolicyInput[] {
    return readObjects(text, { ignoreForeign: false, now }, this.coverage).inputs;
  }

  /**
   * @param ignoreForeign whether other kinds of Kubernetes objects are skipped
   * @throws Failure with every problem of every document
   */
  readObjects(text: string, ignoreForeign: boolean): ReadManifest {
    return readObjects(text, { ignoreForeign, now: Date.now() }, this.coverage);
  }

  /** Policies that were read elsewhere, with warnings about what this kernel cannot enforce. */
  withCoverage(input: PolicyInput): PolicyInput {
    return { ...input, warnings: [...input.warnings, ...this.coverage.warningsFor(input.policy)] };
  }

  /** The same for many. */
  async allWithCoverage(inputs: readonly PolicyInput[]): Promise<readonly PolicyInput[]> {
    const covered: PolicyInput[] = [];
    for await (const input of inTimeSlices(inputs)) covered.push(this.withCoverage(input));
    return covered;
  }

  /** @param document a plain object of a manifest's shape */
  readDocument(document: unknown): PolicyInput {
    const policy = readPolicy(document, { now: Date.now() });
    return this.withCoverage({ policy, warnings: warningsOf(policy, document as PolicyDocument) });
  }

  /** Adds or replaces the policies, all or none. @throws Failure aborted when a version is not the expected one */
  async apply(
    inputs: readonly PolicyInput[],
    { expected = new Map(), force = false }: ApplyOptions = {},
  ): Promise<Outcome<PolicyChange[]>> {
    const { result, revision } = await this.ledger.change(async (current) => {
      checkVersions(current, expected);
      const change = await this.#planApply(inputs, current);
      return this.#withHost(inputs, current, change, force);
    });
    const reviewed = await reviewInputs(inputs, result, this.ledger.desired, this.rules, reviewerHere(this.rules));
    const linked = await followLinksOf(this.ledger, reviewed, this.hostFiles);
    return { result: await withHolders(linked, this.inForce), revision };
  }

  /** What `apply` would do and refuse; nothing is changed. */
  async dryRun(inputs: readonly PolicyInput[], force: boolean, caller: Caller): Promise<readonly PolicyChange[]> {
    const { changes } = await this.preview(inputs, [], force, caller);
    return changes;
  }

  /**
   * The same, with the states before and after: see previewChange.
   *
   * @param deleted policies that would be deleted, too
   * @throws Failure not-found when one of these does not exist
   */
  preview(
    inputs: readonly PolicyInput[],
    deleted: readonly PolicyName[],
    force: boolean,
    caller: Caller,
  ): Promise<ChangePreview> {
    const check: HostCheck = force
      ? async () => undefined
      : async (change) => {
          await this.#changeWithHost(inputs, this.ledger.desired, change, false);
        };
    return previewChange({ inputs, deleted, caller }, this.ledger, this.rules, this.dryRuns, check);
  }

  /**
   * Makes the policies of an origin those given, which are of that origin: all others of it are deleted.
   *
   * @param expectedRevision 0, or the revision since which no policy may have changed
   * @throws Failure aborted when one has
   */
  async sync(
    inputs: readonly PolicyInput[],
    expectedRevision: number,
    force = false,
    origin: PolicyOrigin = 'rpc',
  ): Promise<Outcome<PolicyChange[]>> {
    const { result, revision } = await this.ledger.change(async (current) => {
      const own = current.policies.list().filter((policy) => originOf(policy) === origin);
      let newest = 0;
      for (const policy of own) newest = Math.max(newest, current.versions.get(policyKey(policy)) ?? 0);
      if (expectedRevision !== 0 && newest > expectedRevision) {
        throw new Failure('aborted', `policies have changed since revision ${expectedRevision}, at ${newest}`);
      }
      const kept = current.policies.withoutAll(own.map(policyKey));
      const change = await this.#plan(inputs, current, kept.with(inputs.map(({ policy }) => policy)));
      return this.#withHost(inputs, current, change, force);
    });
    const warned = await withPostureWarnings(result, this.ledger.desired, this.rules);
    const linked = await followLinksOf(this.ledger, warned, this.hostFiles);
    return { result: await withHolders(linked, this.inForce), revision };
  }

  /**
   * Makes the policies of clients and all postures those given, also where the store is damaged: see restoringChange.
   *
   * @param visibility the settings of clients afterwards; left out: they stay as they are
   */
  restore(
    inputs: readonly PolicyInput[],
    postures: DesiredState['postures'],
    force: boolean,
    visibility?: readonly VisibilitySetting[],
  ) {
    const settings = visibility?.length ?? 0;
    if (settings > VISIBILITY_SETTINGS_MAX)
      throw new Failure(
        'resource-exhausted',
        `${settings} settings of visibility, at most ${VISIBILITY_SETTINGS_MAX} are kept`,
      );
    return this.ledger.change(async (current) => {
      const withAnnotated = new Map([...annotatedPostures(current.postures), ...postures]);
      const others = current.policies.list().filter((policy) => !isOfClient(policy));
      const wanted = PolicySet.empty.with([...others, ...inputs.map(({ policy }) => policy)]);
      const seen =
        visibility === undefined ? current.visibility : withVisibilityOfClients(current.visibility, visibility);
      const change = await this.#plan(inputs, current, wanted);
      const restoring = restoringChange(change, current, wanted, { postures: withAnnotated, visibility: seen });
      return this.#withHost(inputs, current, restoring, force);
    });
  }

  /** Returns what became of the policy. @throws Failure not-found; aborted when its version is not the expected one */
  delete(named: PolicyName, expectedVersion: number): Promise<Outcome<PolicyChange>> {
    const key = policyKey(named);
    return this.ledger.change(async (current) => {
      if (current.policies.get(key) === undefined) throw new Failure('not-found', `no policy ${key}`);
      if (expectedVersion !== 0) checkVersions(current, new Map([[key, expectedVersion]]));
      const change = await this.#plan([], current, current.policies.without(key));
      return mapResult(change, ([deleted]) => deleted!);
    });
  }

  /** Deletes the policies that have ended by then, in milliseconds since the Unix epoch. */
  deleteExpired(now: number): Promise<Outcome<PolicyChange[]>> {
    return this.ledger.change(async (current) => {
      const ended = current.policies.list().filter(({ expires = Number.POSITIVE_INFINITY }) => expires <= now);
      return this.#plan([], current, current.policies.withoutAll(ended.map(policyKey)));
    });
  }

  get(named: PolicyName): Policy | undefined {
    return this.ledger.desired.policies.get(policyKey(named));
  }

  list(): readonly Policy[] {
    return this.ledger.desired.policies.list();
  }

  versionOf(policy: Policy): number {
    return this.ledger.desired.versions.get(policyKey(policy)) ?? 0;
  }

  /** Its manifest, which may be long. */
  manifestInTimeSlices(policy: Policy): Promise<string> {
    return finishInTimeSlices(toManifestInSteps(policy));
  }

  /** The policy as an object for JSON. */
  documentInTimeSlices(policy: Policy): Promise<object> {
    return finishInTimeSlices(toDocumentInSteps(policy));
  }

  /** Sorted. */
  containerIdsReachedBy(policy: Policy): Promise<string[]> {
    return finishInTimeSlices(reachedByInSteps(policy, this.ledger.desired, this.rules));
  }

  /**
   * Sets what a namespace says of accesses no rule names; classes left out have the agent's own posture, and settings
   * of clients take precedence over those of Kubernetes.
   */
  setPosture(namespace: string, postures: Partial<Postures>): Promise<Outcome<void>> {
    return this.ledger.change((current) => postureChange(current, new Map([[namespace, postures]])));
  }

  /** Makes the postures that namespaces have by their annotations those given. */
  syncAnnotatedPostures(byNamespace: ReadonlyMap<string, Partial<Postures>>): Promise<Outcome<void>> {
    return this.ledger.change((current) => annotationChange(current, byNamespace));
  }

  /**
   * Replaces the labels that others give this host; they take precedence over its own.
   *
   * @throws Failure failed-precondition when policies for the host, which it would come under by them, would stop what
   * it
   * cannot do without
   */
  setHostLabels(labels: Readonly<Record<string, string>>): Promise<Outcome<void>> {
    return changeHostLabels(this.ledger, this.host, labels, (labelled, desired) =>
      checkHost(this.rules.settings, this.hostFiles, labelled, desired),
    );
  }

  /** By namespace, what clients set for each. */
  postures(): ReadonlyMap<string, Partial<Postures>> {
    return setByClients(this.ledger.desired.postures);
  }

  /** By namespace, what its annotations set. */
  annotatedPostures(): ReadonlyMap<string, Partial<Postures>> {
    return byNamespace(annotatedPostures(this.ledger.desired.postures));
  }

  #planApply(inputs: readonly PolicyInput[], current: DesiredState): Promise<Change<PolicyChange[]>> {
    const after = current.policies.with(inputs.map(({ policy }) => policy));
    return this.#plan(inputs, current, after);
  }

  #plan(inputs: readonly PolicyInput[], current: DesiredState, after: PolicySet): Promise<Change<PolicyChange[]>> {
    return planPolicies(inputs, current, after, this.rules, (policy) => this.rules.compileAlone(policy));
  }

  /** See changeWithHost. The host has those links from then on, also where the change is refused later. */
  async #withHost(
    inputs: readonly PolicyInput[],
    current: DesiredState,
    planned: Change<PolicyChange[]>,
    force: boolean,
  ): Promise<Change<PolicyChange[]>> {
    const { change, host } = await this.#changeWithHost(inputs, current, planned, force);
    this.host.replace(host);
    return change;
  }

  #changeWithHost(
    inputs: readonly PolicyInput[],
    current: DesiredState,
    planned: Change<PolicyChange[]>,
    force: boolean,
  ) {
    return changeWithHost(this.rules.settings, this.host, this.hostFiles, inputs, current, planned, force);
  }

  /** See explainAccess. */
  explain(subject: ExplainedSubject, access: Access): Promise<Explanation> {
    return explainAccess(this.ledger.desired, this.rules.settings, this.inForce, subject, access);
  }

  /** What is done in a namespace where no rule names an access. */
  posturesFor(namespace: string): Postures {
    return posturesFor(namespace, this.ledger.desired, this.rules.settings);
  }
}
