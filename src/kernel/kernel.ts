import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { NamespacePair } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import { deviceNodes } from '../containers/device-nodes.js';
import { mountAliases } from '../containers/mount-aliases.js';
import { filesOf } from '../containers/process-files.js';
import { isWithinLimits } from '../image/compile.js';
import type { Limits } from '../image/limits.js';
import { checked } from '../native/kernel-error.js';
import { BPF_ANY, updateElement } from '../native/libbpf.js';
import type { RuleSet } from '../policy/rule-set.js';
import type { Steps } from '../steps.js';
import { inTimeSlices } from '../time-slices.js';
import { AccessMap } from './accesses.js';
import { type Counter, readCounter, readCounters } from './counters.js';
import { mapId, programInfo } from './descriptor-info.js';
import { DeviceNodes } from './device-nodes.js';
import type { CompiledRules, Enforcer, PublishedContainer } from './enforcer.js';
import { type EventLimit, readAllSuppressed, readSuppressed, Settings } from './event-limit.js';
import { Holdings } from './holdings.js';
import { ContainerMap, compileForKernel, type KernelImage, releaseKernelImage } from './images.js';
import { LayerTrial } from './layer-trial.js';
import { forgetLearntNames } from './learnt-names.js';
import { containerKey, deleteIfPresent } from './map-elements.js';
import type { MissingHook } from './missing-hooks.js';
import { NewContainers } from './new-containers.js';
import { type AttachedPrograms, type AttachOptions, attachPrograms } from './programs.js';
import { RingBuffer } from './ring-buffer.js';
import { SelfProtection } from './self-protection.js';

/** EVENTS_BYTES in bpf/include/maps.h. */
const EVENTS_BYTES = 8 * 1024 * 1024;

/** The enforcement in the kernel, by BPF; Enforcer says what its members do. */
export class Kernel implements Enforcer {
  readonly #programs: AttachedPrograms;
  readonly #containers: ContainerMap;
  readonly #newContainers: NewContainers;
  readonly #settings: Settings;
  readonly #nodes: DeviceNodes;
  /** Protects all of this from other processes. */
  readonly selfProtection: SelfProtection;
  readonly holdings: Holdings;
  readonly layers: LayerTrial;
  readonly accesses: AccessMap;
  #ring: RingBuffer | undefined;

  /** @throws Failure failed-precondition when the programs cannot be attached */
  constructor(
    objectPath: string,
    pinDirectory: string,
    private readonly host: NamespacePair,
    options: AttachOptions = {},
  ) {
    this.#programs = attachPrograms(objectPath, pinDirectory, host, options);
    const { containers, container_starts: starts, container_roots: roots } = this.#programs.maps;
    this.#containers = new ContainerMap(containers, starts, roots);
    this.layers = new LayerTrial(this.#programs.findLayer);
    this.selfProtection = new SelfProtection(this.#programs);
    this.holdings = new Holdings(this.#programs);
    this.#settings = new Settings(this.#programs.maps.settings);
    this.#newContainers = new NewContainers(
      this.#programs.maps.new_containers,
      this.#programs,
      this.containers()
        .filter((container) => !this.#isHost(container))
        .map((container) => ({ container, startTicks: this.#containers.startTicksOf(container) })),
      // An earlier daemon of another build may not have marked tasks.
      this.adopted,
    );
    this.#nodes = new DeviceNodes(this.#programs.maps.nodes);
    this.accesses = new AccessMap(this.#programs.maps.accesses);
  }

  get adopted(): boolean {
    return this.#programs.adopted;
  }

  removeReplaced(signal: AbortSignal): Promise<void> {
    return this.#programs.removeReplaced(signal);
  }

  get programNames(): string[] {
    return [...this.#links().keys()];
  }

  get missingHooks(): readonly MissingHook[] {
    return this.#programs.missing;
  }

  get ringWakeUps(): number {
    return this.#ring?.wakeUps ?? 0;
  }

  compile(ruleSet: RuleSet, limits?: Partial<Limits>): Steps<CompiledRules> {
    return compileForKernel(ruleSet, limits);
  }

  fits(ruleSet: RuleSet, limits?: Partial<Limits>): Steps<boolean> {
    return isWithinLimits(ruleSet, limits);
  }

  releaseImage(image: KernelImage): void {
    releaseKernelImage(image);
  }

  /** See ContainerMap.publish. */
  async publish(
    entries: readonly PublishedContainer<KernelImage>[],
    onVisible?: (container: NamespacePair) => void,
  ): Promise<void> {
    const added = this.#newContainers.add(entries.filter(({ container }) => !this.#isHost(container)));
    const settle: (() => void)[] = [];
    for await (const { container, process, rootBefore, image } of inTimeSlices(entries)) {
      const files = process === undefined ? undefined : filesOf(process, rootBefore);
      const nodes = files === undefined ? [] : deviceNodes(files, image.paths ?? []);
      settle.push(this.#nodes.add(container, nodes));
      if (files === undefined || mountAliases(files.mounts, image.places ?? []).size === 0) continue;
      const aliased = updateElement(this.#programs.maps.aliased, containerKey(container), Uint8Array.of(1), BPF_ANY);
      checked('cannot note the mounts of a container', aliased);
    }
    const addedOf = new Map(added.map((each) => [namespaceKey(each.container), each]));
    await this.#containers.publish(entries, (container) => {
      const each = addedOf.get(namespaceKey(container));
      if (each !== undefined) this.#newContainers.visible(each);
      onVisible?.(container);
    });
    for (const each of settle) each();
    this.#newContainers.published(added);
  }

  markTasksInside(): Promise<number> {
    return this.#newContainers.mark();
  }

  async removeContainers(containers: readonly NamespacePair[]): Promise<void> {
    for (const container of containers) {
      // Otherwise the kernel notices another container with these numbers by its different start.
      if (this.#containers.startTicksOf(container) === 0) forgetLearntNames(this.#programs.maps, container);
      this.#newContainers.forget(container);
      this.#nodes.forget(container);
    }
    await this.#containers.remove(containers);
    // Until then the kernel notes what is mounted there.
    for (const container of containers)
      deleteIfPresent('cannot forget the mounts of a container', this.#programs.maps.aliased, containerKey(container));
  }

  containers(): NamespacePair[] {
    return this.#containers.keys();
  }

  newestImage(): number {
    return this.#containers.newestImage();
  }

  #isHost({ mountNamespace }: NamespacePair): boolean {
    return mountNamespace === this.host.mountNamespace;
  }

  enforceHost(isInForce: boolean): void {
    this.#settings.enforceHost(isInForce);
  }

  holds(entry: PublishedContainer<KernelImage>): boolean {
    return this.#containers.holds(entry);
  }

  /** Pins and settings; see Pins.restore. */
  restore(): string[] {
    const { pins, onDemand } = this.#programs;
    const missing = pins.restore();
    return [
      ...(this.#settings.restore() ? ['settings'] : []),
      ...missing.map((path) => `the pin ${path}`),
      ...onDemand.flatMap((each) => (each.restorePin() ? [`the pin ${each.linkPath}`] : [])),
    ];
  }

  observeCalls(isNeeded: boolean): void {
    if (isNeeded) this.#programs.calls?.attach();
    else this.#programs.calls?.detach();
    if (isNeeded) this.selfProtection.protectPrograms();
  }

  async readAnswers(isNeeded: boolean): Promise<void> {
    const { answers } = this.#programs;
    if (!isNeeded) return answers?.detachAsync();
    await answers?.attachOnceDetached();
    this.selfProtection.protectPrograms();
  }

  async refuseHeld(isNeeded: boolean): Promise<void> {
    if (!isNeeded) return this.holdings.detach();
    this.holdings.attach();
    this.selfProtection.protectPrograms();
  }

  limitEvents(limit: EventLimit): void {
    this.#settings.limitEvents(limit);
  }

  suppressed(container: NamespacePair): number {
    return readSuppressed(this.#programs.maps.token_buckets, container);
  }

  allSuppressed(): Map<string, number> {
    return readAllSuppressed(this.#programs.maps.token_buckets);
  }

  counters(): Record<Counter, number> {
    return readCounters(this.#programs.maps.counters);
  }

  recursionMisses(): Map<string, number> {
    const misses = new Map<string, number>();
    for (const [name, link] of this.#links()) misses.set(name, Number(programInfo(link).recursionMisses));
    return misses;
  }

  /** Links of what is attached now, by program name. */
  #links(): ReadonlyMap<string, number> {
    const { links, onDemand } = this.#programs;
    const attachedNow = onDemand.flatMap(({ name, link }) => (link === undefined ? [] : [[name, link] as const]));
    return attachedNow.length === 0 ? links : new Map([...links, ...attachedNow]);
  }

  openRing(): RingBuffer {
    this.#ring = new RingBuffer(this.#programs.maps.events, EVENTS_BYTES);
    return this.#ring;
  }

  get ringId(): bigint {
    const text = `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')} ${mapId(this.#programs.maps.events)}`;
    return createHash('sha256').update(text).digest().readBigUInt64LE();
  }

  droppedRecords(): number {
    return readCounter(this.#programs.maps.counters, 'dropped.ring-full');
  }

  close(): void {
    this.#ring?.close();
    this.#ring = undefined;
  }

  detach(): void {
    this.close();
    this.#programs.detach();
  }
}
