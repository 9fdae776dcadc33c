import type { Container, ContainerRoot, NamespacePair } from '../../src/containers/container.js';
import { namespaceKey } from '../../src/containers/container.js';
import type { ChangePreview } from '../../src/control/change-preview.js';
import { ContainerRegistry } from '../../src/control/container-registry.js';
import { ContainerTracker } from '../../src/control/container-tracker.js';
import type { ControlPlane } from '../../src/control/control-plane.js';
import { type DesiredState, NOTHING_DESIRED } from '../../src/control/desired-state.js';
import { DryRunPool } from '../../src/control/dry-run-pool.js';
import { Enforcement } from '../../src/control/enforcement.js';
import { HookCoverage } from '../../src/control/hook-coverage.js';
import { type HostFiles, NO_HOST_FILES } from '../../src/control/host-files.js';
import { guardedProcesses } from '../../src/control/host-guard.js';
import { HostState, type HostStatus } from '../../src/control/host-state.js';
import { HostSubject } from '../../src/control/host-subject.js';
import { IntakeCounts } from '../../src/control/intake-counts.js';
import { Ledger } from '../../src/control/ledger.js';
import { diffPolicies } from '../../src/control/policy-diff.js';
import { PolicyRegistry } from '../../src/control/policy-registry.js';
import { ProfileRegistry } from '../../src/control/profile-registry.js';
import { UnprotectedContainers } from '../../src/control/protection.js';
import { Recordings } from '../../src/control/recordings.js';
import { type PolicySettings, visibilityOf } from '../../src/control/resolution.js';
import { Telemetry } from '../../src/control/telemetry.js';
import { VisibilityRegistry } from '../../src/control/visibility-registry.js';
import { describeTelemetry } from '../../src/events/telemetry.js';
import { isWithinLimits } from '../../src/image/compile.js';
import type { Image } from '../../src/image/image.js';
import type { Limits } from '../../src/image/limits.js';
import type { CountedAccess } from '../../src/kernel/accesses.js';
import { compileWith } from '../../src/kernel/compile-with.js';
import type { CompiledRules, EnforcedImage, Enforcer } from '../../src/kernel/enforcer.js';
import type { MissingHook } from '../../src/kernel/missing-hooks.js';
import type { Postures } from '../../src/policy/model.js';
import type { RuleSet } from '../../src/policy/rule-set.js';
import { AccessMemory } from '../../src/profile/access-memory.js';
import { newEncoder } from '../../src/rpc/event-message.js';
import type { Steps } from '../../src/steps.js';
import type { Store, StoreChanges } from '../../src/store/store.js';

export const POSTURES: Postures = { process: 'block', file: 'audit', network: 'block', capabilities: 'audit' };

/** No process of a test is in this namespace, so that any can be registered as a container. */
export const HOST_MOUNT_NAMESPACE = 1;

/** A plane of which few patterns are too many, so that it does not take long to find that out. */
export function crampedPlane(work = 60_000): InMemoryControlPlane {
  return new InMemoryControlPlane(undefined, undefined, undefined, { limits: { work } });
}

/** Keeps images in memory as the kernel's maps do, and fails where a test says so. */
export class MemoryKernel {
  readonly adopted = true;
  missingHooks: readonly MissingHook[] = [];
  readonly programNames = ['hauberk_exec', 'hauberk_open'];
  readonly published = new Map<string, EnforcedImage>();
  readonly images = new Map<number, Image>();
  failure: Error | undefined;
  /** Awaited before a publication takes effect. */
  beforePublish: (entries: Parameters<Enforcer['publish']>[0]) => Promise<void> = async () => undefined;
  isHostEnforced = false;
  observesCalls = false;
  readsAnswers = false;

  compile(ruleSet: RuleSet, limits?: Partial<Limits>): Steps<CompiledRules> {
    return compileWith(ruleSet, (image, imageId) => this.createImage(image, imageId), limits);
  }

  fits(ruleSet: RuleSet, limits?: Partial<Limits>): Steps<boolean> {
    return isWithinLimits(ruleSet, limits);
  }

  createImage(image: Image, imageId: number): EnforcedImage {
    this.images.set(imageId, image);
    return { imageId };
  }

  releaseImage({ imageId }: EnforcedImage): void {
    this.images.delete(imageId);
  }

  async publish(...[entries, onVisible]: Parameters<Enforcer['publish']>): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await this.beforePublish(entries);
    for (const { container, image } of entries) {
      if (!this.images.has(image.imageId)) throw new Error(`image ${image.imageId} was released`);
      this.published.set(namespaceKey(container), image);
    }
    for (const { container } of entries) onVisible?.(container);
  }

  async markTasksInside(): Promise<number> {
    return 0;
  }

  holds({ container, image }: Parameters<Enforcer['holds']>[0]): boolean {
    return this.published.get(namespaceKey(container)) === image;
  }

  /** What somebody else has changed, or why it cannot be restored. */
  changed: string[] | Error = [];

  restore(): string[] {
    const { changed } = this;
    if (changed instanceof Error) throw changed;
    this.changed = [];
    return changed;
  }

  enforceHost(isInForce: boolean): void {
    this.isHostEnforced = isInForce;
  }

  observeCalls(isNeeded: boolean): void {
    this.observesCalls = isNeeded;
  }

  async readAnswers(isNeeded: boolean): Promise<void> {
    this.readsAnswers = isNeeded;
  }

  async removeContainers(containers: readonly NamespacePair[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    for (const container of containers) this.published.delete(namespaceKey(container));
  }

  containers(): NamespacePair[] {
    return [...this.published.keys()].map((key) => {
      const [pidNamespace, mountNamespace] = key.split(':').map(Number);
      return { pidNamespace: pidNamespace!, mountNamespace: mountNamespace! };
    });
  }
}

/** Counts of accesses as the kernel's map has them. */
export class MemoryCounts {
  readonly #counts = new Map<string, { readonly counted: CountedAccess; count: number }>();

  add(counted: CountedAccess, count: number): void {
    this.#counts.set(keyOf(counted), { counted, count });
  }

  count(counted: CountedAccess): number {
    return this.#counts.get(keyOf(counted))?.count ?? 0;
  }

  forget(counted: CountedAccess): void {
    this.#counts.delete(keyOf(counted));
  }

  take(counted: CountedAccess): number {
    const count = this.count(counted);
    this.forget(counted);
    return count;
  }

  list(): CountedAccess[] {
    return [...this.#counts.values()].map(({ counted }) => counted);
  }
}

function keyOf({ container, access }: CountedAccess): string {
  return `${namespaceKey(container)}:${access}`;
}

/** A container that the policies of many tests reach, and where it runs. */
export const WEB = {
  id: 'c1',
  name: 'c1',
  namespace: 'default',
  labels: { app: 'web' },
  origin: 'registered',
} as const;
export const WEB_NAMESPACES: NamespacePair = { pidNamespace: 11, mountNamespace: 12 };

/** The real control plane over an in-memory kernel and store. */
export class InMemoryControlPlane implements ControlPlane {
  readonly commits: StoreChanges[] = [];
  readonly ledger: Ledger;
  readonly policies: PolicyRegistry;
  readonly containers: ContainerRegistry;
  readonly tracker: ContainerTracker;
  readonly host: TestHostState;
  readonly hostSubject: HostSubject;
  readonly enforcement: Enforcement;
  readonly counts = new MemoryCounts();
  readonly memory = new AccessMemory();
  readonly recordings: Recordings;
  readonly profiles: ProfileRegistry;
  readonly judge: ControlPlane['judge'];
  readonly visibility: VisibilityRegistry;
  readonly telemetry: Telemetry;
  readonly unprotected = new UnprotectedContainers(() => this.host.announce());
  readonly intake = new IntakeCounts();
  /** Where changes are stored; when left out, they are only kept in `commits`. */
  disk: Pick<Store, 'commit'> | undefined;
  kernelProblem: string | undefined;
  storeFailure: Error | undefined;
  /** The root of every container. */
  root: ContainerRoot = { device: 42 };
  /** Finds the links in paths of the host; by default there are none. */
  linksOfHost: HostFiles['links'] = NO_HOST_FILES.links;
  /** Called where the daemon would read what the kernel has reported. */
  onSettle: () => void = () => undefined;

  constructor(
    desired: DesiredState = NOTHING_DESIRED,
    readonly kernel = new MemoryKernel(),
    host?: Container,
    { limits, ...options }: PolicySettings & { readonly limits?: Partial<Limits> } = {},
  ) {
    this.hostSubject = new HostSubject(host);
    const settings = { postures: POSTURES, ...options };
    const enforcement = new Enforcement(this.kernel, settings, new Map(), 39, this.hostSubject, limits);
    this.enforcement = enforcement;
    const store = {
      commit: async (changes: StoreChanges) => {
        if (this.storeFailure !== undefined) throw this.storeFailure;
        if (this.disk === undefined) this.commits.push(changes);
        else await this.disk.commit(changes);
      },
    };
    this.ledger = new Ledger(
      enforcement,
      store,
      { desired, revision: 0 },
      () => undefined,
      () => this.host.announce(),
    );
    this.policies = new PolicyRegistry(
      this.ledger,
      enforcement.rules,
      this.hostSubject,
      enforcement,
      new DryRunPool(),
      { warningsFor: (policy) => new HookCoverage(this.kernel.missingHooks).warningsFor(policy) },
      // A host with this process alone: looking into others needs privileges.
      {
        needs: () => ({ guarded: guardedProcesses().filter(({ name }) => name === 'hauberkd'), needs: [] }),
        links: (named) => this.linksOfHost(named),
      },
    );
    this.containers = new ContainerRegistry(this.ledger, enforcement, settings);
    this.tracker = new ContainerTracker(
      this.containers,
      { info: () => undefined, warn: () => undefined },
      HOST_MOUNT_NAMESPACE,
      () => this.root,
    );
    const logger = { warn: () => undefined };
    this.recordings = new Recordings(this.ledger, this.counts, store, logger);
    this.recordings.settleEvents = async () => this.onSettle();
    this.profiles = new ProfileRegistry(this.ledger, this.recordings);
    this.visibility = new VisibilityRegistry(this.ledger, settings);
    const containerOf = (namespaces: NamespacePair) => this.ledger.containerAt(namespaces);
    const ruleOf = enforcement.ruleOf.bind(enforcement);
    this.telemetry = new Telemetry(
      // The tests end windows themselves.
      { windowSeconds: 3600, perWindow: 3 },
      {
        containerOf,
        visibilityOf: (container) => visibilityOf(container, this.ledger.desired, settings),
        isLearning: (key) => this.recordings.isLearning(key),
        counts: this.counts,
        describe: (record) => describeTelemetry(record, { containerOf, ruleOf, clockOffset: 0n }),
        encoder: newEncoder(),
        now: () => 5_000_000_000n,
      },
    );
    this.recordings.beforeRecordingChanges = (key) => this.telemetry.settle(key);
    this.recordings.visibilityOf = (container) => visibilityOf(container, this.ledger.desired, settings);
    this.judge = (change: ChangePreview) => diffPolicies(change, enforcement.rules, this.memory, this.recordings);
    this.host = new TestHostState(this.kernel, enforcement, this.ledger, {
      kernelProblem: () => this.kernelProblem,
      sources: () => [],
      warnings: () => [],
      unprotected: () => this.unprotected.list(),
    });
  }
}

/** The real state, in which tests can replace what comes from the machine. */
class TestHostState extends HostState {
  #changed: Partial<HostStatus> = {};

  override status(): HostStatus {
    return {
      ...super.status(),
      version: '1.2.3',
      kernelRelease: '6.1.0-test',
      securityModules: ['capability', 'bpf'],
      kernelTested: true,
      started: new Date('2024-05-06T07:08:09.123Z'),
      ...this.#changed,
    };
  }

  setStatus(change: Partial<HostStatus>): void {
    this.#changed = { ...this.#changed, ...change };
    this.announce();
  }
}
