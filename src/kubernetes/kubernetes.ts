import { type Backoff, waitAfter } from '../backoff.js';
import type { PolicyRegistry } from '../control/policy-registry.js';
import type { SourceStatus } from '../control/protection.js';
import type { VisibilityRegistry } from '../control/visibility-registry.js';
import type { CriPod } from '../sources/cri-containers.js';
import { trueCause } from '../sources/failure-cause.js';
import type { SourceLogger } from '../sources/source.js';
import { SETTINGS_NAME, type SettingsObject, type UnknownSetting } from './annotations.js';
import type { ApiClient, KubernetesObject } from './api-client.js';
import { bringPolicies, type RecentRefusals, type Registry, type Verdict } from './cluster-policies.js';
import { ClusterSettings } from './cluster-settings.js';
import { FollowedList } from './followed-list.js';
import { NodeLabels } from './node-labels.js';
import type { Pod } from './pod-facts.js';
import type { Pods } from './pods.js';
import { type ClusterOrigin, POLICY_KINDS, pathOfKind } from './policy-kinds.js';
import { keyOfNamed, type PolicyObject, PolicyObjects, type ReadObject } from './policy-objects.js';

export interface KubernetesOptions {
  readonly client: ApiClient;
  /** As Kubernetes names it. */
  readonly node: string;
  readonly policies: Registry &
    Pick<PolicyRegistry, 'readDocument' | 'syncAnnotatedPostures' | 'annotatedPostures' | 'setHostLabels'>;
  /** Left out where nothing is reported about accesses. */
  readonly visibility?: Pick<VisibilityRegistry, 'syncAnnotated'>;
  readonly pods: Pods;
  readonly logger: SourceLogger;
  /** Called when pods have other labels. */
  readonly onPods: () => void;
  /** Called when the policies of a pod are overridden, or no longer are, with the message to report. */
  readonly onOverride?: (pod: CriPod, message: string) => void;
  /** Called when it is followed, or not any more, and when there are other warnings. */
  readonly onStatus: () => void;
  /** Called when the outcome for all policies is known. */
  readonly onVerdicts?: () => void;
  /** Waiting times for lists, and for what cannot be written. */
  readonly backoff?: Backoff;
}

/** Changes come in bursts: how long to wait for the rest of one. */
const GATHER_MILLISECONDS = 50;
const RETRY_MILLISECONDS = { first: 1000, most: 30_000 };
/** How soon policies that were refused because of the state of the daemon or of other policies are tried again. */
const REFUSED_AGAIN_MILLISECONDS = 60_000;
const ORIGINS: readonly ClusterOrigin[] = ['kubernetes', 'kubernetes-kubearmor'];

/**
 * The policies of a cluster, what its namespaces are annotated with, and the pods of this node. What is known stays in
 * force while the API server is away; nothing is removed before all kinds of policies have been listed.
 */
export class Kubernetes {
  readonly #options: KubernetesOptions;
  readonly #objects: PolicyObjects;
  readonly #kinds;
  readonly #pods: FollowedList<Pod>;
  readonly #namespaces: FollowedList;
  readonly #settings: FollowedList<SettingsObject>;
  readonly #node: NodeLabels;
  readonly #settingsInForce: ClusterSettings;
  #verdicts: readonly Verdict[] = [];
  readonly #recent: RecentRefusals = new Map();
  /** Whether the verdicts are of what was brought last. */
  #isBrought = false;
  #again: NodeJS.Timeout | undefined;
  #podWarnings: readonly string[] = [];
  #overridden: ReturnType<Pods['overridden']> = new Map();
  #problem: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When it ends, in milliseconds of this process. */
  #due = 0;
  #bringing: Promise<void> | undefined;
  #hasChanged = false;
  #failures = 0;
  #isStopped = false;
  #wasConnected = false;

  constructor(options: KubernetesOptions) {
    this.#options = options;
    const { client, node, policies, pods, onPods, backoff } = options;
    this.#settingsInForce = new ClusterSettings(policies, options.visibility, options.logger);
    this.#objects = new PolicyObjects((document) => policies.readDocument(document));
    const follow = <Object extends KubernetesObject>(
      kind: FollowedList['kind'],
      onChange: () => void = () => this.#schedule(GATHER_MILLISECONDS),
    ) => {
      const onStatus = () => this.#onStatus();
      return new FollowedList<Object>(client, kind, { onChange, onStatus, ...(backoff && { backoff }) });
    };
    this.#kinds = POLICY_KINDS.map((kind) => ({
      kind,
      list: follow<PolicyObject>({ path: pathOfKind(kind), isOptional: true }),
    }));
    this.#namespaces = follow({ path: '/api/v1/namespaces' });
    const { namespace } = client.server;
    this.#settings = follow<SettingsObject>({
      path: `/api/v1/namespaces/${namespace}/configmaps`,
      fieldSelector: `metadata.name=${SETTINGS_NAME}`,
    });
    const onChange = () => {
      if (!pods.replace(this.#pods.objects)) return;
      this.#reportPods();
      onPods();
    };
    const schedule = () => this.#schedule(GATHER_MILLISECONDS);
    this.#node = new NodeLabels(node, (kind, onNode) => follow(kind, onNode), policies, schedule);
    this.#pods = follow<Pod>({ path: '/api/v1/pods', fieldSelector: `spec.nodeName=${node}` }, onChange);
  }

  start(): void {
    for (const list of this.#lists) list.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#again);
    await Promise.all(this.#lists.map((list) => list.stop()));
    await this.#bringing;
  }

  /** The outcome for each policy when it was last determined. */
  get verdicts(): readonly Verdict[] {
    return this.#verdicts;
  }

  /** Settings of namespaces and of the cluster that are not followed. */
  get unknownSettings(): readonly UnknownSetting[] {
    return this.#settingsInForce.unknown;
  }

  status(): SourceStatus {
    const reason = this.#lists.map(({ problem }) => problem).find((problem) => problem !== undefined);
    return {
      name: 'kubernetes',
      address: this.#options.client.server.url.href,
      connected: reason === undefined,
      reason: reason ?? '',
      containers: 0,
    };
  }

  /** What an operator should know and mend. */
  warnings(): string[] {
    const { connected, reason } = this.status();
    const refused = this.#verdicts.filter(({ refusal }) => refusal !== undefined).length;
    return [
      ...(connected ? [] : [`Kubernetes is not followed, what is known of it stays in force: ${reason}`]),
      ...(this.#problem === undefined
        ? []
        : [`the policies of Kubernetes cannot be brought into force: ${this.#problem}`]),
      ...(refused === 0 ? [] : [`${refused} policies of Kubernetes are not accepted; their status says why`]),
      ...this.#settingsInForce.warnings,
      ...this.#podWarnings,
      ...this.#node.warnings(),
    ];
  }

  get #lists(): readonly FollowedList[] {
    return [...this.#kinds.map(({ list }) => list), this.#namespaces, this.#settings, this.#node.list, this.#pods];
  }

  #onStatus(): void {
    const { connected, reason, address } = this.status();
    const { logger, onStatus } = this.#options;
    if (connected && !this.#wasConnected) logger.info({ address }, 'Kubernetes is followed');
    if (!connected && this.#wasConnected) {
      logger.warn({ address, reason }, 'Kubernetes cannot be followed: what is known stays in force, trying again');
    }
    this.#wasConnected = connected;
    onStatus();
  }

  /** Whoever may change a pod may disable its policies, so this is always reported. */
  #reportPods(): void {
    const { pods, logger, onStatus } = this.#options;
    this.#reportOverrides();
    const before = this.#podWarnings;
    this.#podWarnings = pods.warnings();
    for (const warning of this.#podWarnings) if (!before.includes(warning)) logger.warn({}, warning);
    if (before.join() !== this.#podWarnings.join()) onStatus();
  }

  #reportOverrides(): void {
    const { pods, onOverride } = this.#options;
    const before = this.#overridden;
    this.#overridden = pods.overridden();
    for (const [uid, { pod, message }] of this.#overridden) {
      if (before.get(uid)?.message !== message) onOverride?.(pod, message);
    }
    for (const [uid, { pod }] of before) {
      if (this.#overridden.has(uid)) continue;
      onOverride?.(pod, `pod ${pod.namespace}/${pod.name} has its policies as they are written again, or has ended`);
    }
  }

  #schedule(milliseconds: number): void {
    this.#hasChanged = true;
    if (this.#isStopped || this.#bringing !== undefined) return;
    const due = performance.now() + milliseconds;
    // Continuous changes must not delay it forever.
    if (this.#timer !== undefined && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#bringing = this.#bring().finally(() => {
        this.#bringing = undefined;
        if (this.#hasChanged) this.#schedule(this.#waitMilliseconds());
      });
    }, milliseconds);
  }

  #tryRefusedAgain(): void {
    if (this.#again !== undefined || this.#isStopped) return;
    this.#again = setTimeout(() => {
      this.#again = undefined;
      this.#recent.clear();
      this.#isBrought = false;
      this.#schedule(0);
    }, REFUSED_AGAIN_MILLISECONDS);
  }

  #waitMilliseconds(): number {
    if (this.#failures === 0) return GATHER_MILLISECONDS;
    return waitAfter(this.#failures, RETRY_MILLISECONDS);
  }

  async #bring(): Promise<void> {
    const { logger, onVerdicts, onStatus } = this.#options;
    this.#hasChanged = false;
    const before = this.#problem;
    const warned = this.warnings().join();
    let isNews = true;
    let hasOtherUnknown = false;
    try {
      if (this.#namespaces.isListed && this.#settings.isListed) {
        hasOtherUnknown = await this.#settingsInForce.bring(this.#namespaces.objects, this.#settings.objects);
      }
      await this.#node.bring();
      if (this.#kinds.every(({ list }) => list.isListed)) isNews = await this.#bringPolicies();
      this.#failures = 0;
      this.#problem = undefined;
    } catch (error) {
      this.#failures++;
      this.#hasChanged = true;
      this.#problem = trueCause(error);
      if (this.#problem !== before) {
        logger.warn({ reason: this.#problem }, 'the policies of Kubernetes cannot be brought into force: trying again');
      }
    }
    if (isNews || hasOtherUnknown) onVerdicts?.();
    if (isNews || warned !== this.warnings().join()) onStatus();
  }

  /** @returns whether there was something to bring */
  async #bringPolicies(): Promise<boolean> {
    const { policies, logger } = this.#options;
    const objects = this.#kinds.flatMap(({ kind, list }) => list.objects.map((object) => [kind, object] as const));
    const read = await this.#objects.readAll(objects);
    if (this.#areBrought(read)) {
      this.#verdicts = this.#verdicts.map((verdict, index) => ({ ...verdict, read: read[index]! }));
      return false;
    }
    this.#isBrought = false;
    const verdicts: Verdict[] = [];
    for (const origin of ORIGINS) {
      const own = read.filter(({ kind }) => kind.origin === origin);
      verdicts.push(...(await bringPolicies(policies, origin, own, this.#recent)));
    }
    if (this.#recent.size > 0) this.#tryRefusedAgain();
    const reported = new Set(this.#verdicts.map(({ read, refusal }) => `${keyOfNamed(read)} ${refusal?.message}`));
    for (const { read, refusal } of verdicts) {
      if (refusal === undefined || reported.has(`${keyOfNamed(read)} ${refusal.message}`)) continue;
      const { kind, named } = read;
      logger.warn({ kind: kind.kind, ...named, ...refusal }, 'a policy of Kubernetes is not accepted');
    }
    this.#verdicts = verdicts;
    this.#isBrought = true;
    return true;
  }

  /** Whether only parts outside of policies have changed: each status that is written is sent to all nodes. */
  #areBrought(read: readonly ReadObject[]): boolean {
    const before = this.#verdicts;
    return (
      this.#isBrought &&
      this.#recent.size === 0 &&
      read.length === before.length &&
      read.every(({ input, refusal, named }, index) => {
        const { read: known } = before[index]!;
        const isSame = input === known.input && refusal === known.refusal;
        return isSame && (input === undefined || this.#options.policies.get(named) !== undefined);
      })
    );
  }
}
