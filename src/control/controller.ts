import type { Container, NamespacePair } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import { Failure, invalidInput } from '../failure.js';
import { checkPattern } from '../image/pattern.js';
import { readManifest } from '../policy/manifest.js';
import { toManifest } from '../policy/manifest-text.js';
import { type Policy, policyKey } from '../policy/model.js';
import { compare, type PolicySet } from '../policy/policy-set.js';
import type { RuleSet } from '../policy/rule-set.js';
import { readPolicy, warningsOf } from '../policy/validate.js';
import type { Store, StoreChanges } from '../store/store.js';
import type { DesiredState, Enforcement } from './enforcement.js';
import { Serial } from './serial.js';

/** What applying a policy did. */
export interface AppliedPolicy {
  readonly policy: Policy;
  readonly kind: 'created' | 'updated' | 'unchanged';
  readonly containerIds: string[];
  readonly warnings: string[];
}

interface PolicyInput {
  readonly policy: Policy;
  readonly warnings: readonly string[];
}

/** How long to wait before asking the kernel again for a change it did not take. */
const RETRY_MILLISECONDS = 1000;

/**
 * The daemon's one writer: every change of policies or containers goes through here, one at a time. A change is checked
 * and compiled whole, then written to disk, then published to the kernel, then answered.
 */
export class Controller {
  readonly #serial = new Serial();
  readonly #byNamespaces = new Map<string, Container>();
  #desired: DesiredState;
  #retry: NodeJS.Timeout | undefined;

  constructor(
    readonly enforcement: Enforcement,
    readonly store: Pick<Store, 'commit'>,
    initial: DesiredState,
    /** Called with the seconds a change took, from the call to the last map update. */
    readonly onApplied: (seconds: number) => void,
    /** Called after each change, also after one the kernel did not take. */
    readonly onChange: () => void,
  ) {
    this.#desired = initial;
  }

  /**
   * Brings the kernel into agreement with what was loaded from disk.
   *
   * @param gone ids of containers on disk that are no more
   */
  start(gone: readonly string[]): Promise<void> {
    return this.#change(this.#desired, () => true, { deleteContainers: gone });
  }

  stop(): Promise<void> {
    clearTimeout(this.#retry);
    return this.#serial.run(async () => undefined);
  }

  /** @throws Failure with every problem of every document; then nothing was changed */
  async applyManifest(text: string): Promise<AppliedPolicy[]> {
    return this.#apply(readManifest(text, { checkPattern }));
  }

  /** @param document a plain object of a manifest's shape */
  async applyDocument(document: unknown): Promise<AppliedPolicy> {
    const policy = readPolicy(document, { checkPattern });
    const [applied] = await this.#apply([{ policy, warnings: warningsOf(policy) }]);
    return applied!;
  }

  async #apply(inputs: readonly PolicyInput[]): Promise<AppliedPolicy[]> {
    return this.#serial.run(async () => {
      const before = this.#desired.policies;
      const after = before.with(inputs.map(({ policy }) => policy));
      const { added, changed } = compare(before, after);
      const touched = new Set([...added, ...changed]);
      await this.#changePolicies(before, after, touched, {
        putPolicies: inputs.map(({ policy }) => policy).filter((policy) => touched.has(policyKey(policy))),
      });
      return inputs.map(({ policy, warnings }) => {
        const key = policyKey(policy);
        const containerIds = this.containerIdsReachedBy(policy);
        return {
          policy,
          kind: added.includes(key) ? 'created' : changed.includes(key) ? 'updated' : 'unchanged',
          containerIds,
          warnings:
            containerIds.length > 0 ? [...warnings] : [...warnings, 'the selector reaches no container at present'],
        };
      });
    });
  }

  /** Returns the ids of the containers the policy reached. */
  async deletePolicy(namespace: string, name: string): Promise<string[]> {
    return this.#serial.run(async () => {
      const key = policyKey({ namespace, name });
      const before = this.#desired.policies;
      const policy = before.get(key);
      if (policy === undefined) throw new Failure('not-found', `no policy ${key}`);
      const reached = this.containerIdsReachedBy(policy);
      await this.#changePolicies(before, before.without(key), new Set([key]), { deletePolicies: [key] });
      return reached;
    });
  }

  async #changePolicies(
    before: PolicySet,
    after: PolicySet,
    touched: ReadonlySet<string>,
    stored: StoreChanges,
  ): Promise<void> {
    if (touched.size === 0) return;
    const reaches = (policies: PolicySet, container: Container) =>
      policies.reaching(container).some((policy) => touched.has(policyKey(policy)));
    await this.#changeNow(
      { policies: after, containers: this.#desired.containers },
      (container) => reaches(before, container) || reaches(after, container),
      stored,
    );
  }

  policy(namespace: string, name: string): Policy | undefined {
    return this.#desired.policies.get(policyKey({ namespace, name }));
  }

  policies(): readonly Policy[] {
    return this.#desired.policies.list();
  }

  manifestOf(policy: Policy): string {
    return toManifest(policy);
  }

  containerIdsReachedBy(policy: Policy): string[] {
    const matches = (container: Container) =>
      container.namespace === policy.namespace &&
      Object.entries(policy.matchLabels).every(([key, value]) => container.labels[key] === value);
    return this.containers()
      .filter(matches)
      .map(({ id }) => id);
  }

  /**
   * Adds a container, or changes what is known of it. `container` is fully known: its namespaces have been looked up.
   *
   * @throws Failure failed-precondition when another container has these namespaces
   */
  async putContainer(container: Container): Promise<{ container: Container; changed: boolean }> {
    return this.#serial.run(async () => {
      const known = this.#desired.containers.get(container.id);
      if (known !== undefined && isSame(known, container)) return { container: known, changed: false };
      const holder = this.#byNamespaces.get(namespaceKey(container.namespaces));
      if (holder !== undefined && holder.id !== container.id) {
        throw invalidInput([
          { field: 'namespaces', description: `container ${holder.id} is registered with these namespaces already` },
        ]);
      }
      const containers = new Map(this.#desired.containers).set(container.id, container);
      const isAffected = ({ id }: Container) => id === container.id;
      await this.#changeNow({ policies: this.#desired.policies, containers }, isAffected, {
        putContainers: [container],
      });
      return { container, changed: true };
    });
  }

  /** @throws Failure not-found */
  async removeContainer(id: string): Promise<void> {
    return this.#serial.run(async () => {
      if (!this.#desired.containers.has(id)) throw new Failure('not-found', `no container ${id}`);
      const containers = new Map(this.#desired.containers);
      containers.delete(id);
      await this.#changeNow({ policies: this.#desired.policies, containers }, () => false, { deleteContainers: [id] });
    });
  }

  containers(): Container[] {
    return [...this.#desired.containers.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  container(id: string): Container | undefined {
    return this.#desired.containers.get(id);
  }

  containerAt(namespaces: NamespacePair): Container | undefined {
    return this.#byNamespaces.get(namespaceKey(namespaces));
  }

  policyKeysOf(container: Container): string[] {
    return this.#desired.policies.reaching(container).map(policyKey);
  }

  generationOf(container: Container): number {
    return this.enforcement.imageOf(container.id)?.kernelImage.generation ?? 0;
  }

  /** The rules that decide for a container, in the order in which they are asked. */
  ruleSetOf(containerId: string): RuleSet {
    const container = this.#desired.containers.get(containerId);
    if (container === undefined) throw new Failure('not-found', `no container ${containerId}`);
    return this.enforcement.ruleSetFor(container, this.#desired.policies);
  }

  #change(desired: DesiredState, affected: (container: Container) => boolean, stored: StoreChanges): Promise<void> {
    return this.#serial.run(() => this.#changeNow(desired, affected, stored));
  }

  async #changeNow(
    desired: DesiredState,
    affected: (container: Container) => boolean,
    stored: StoreChanges,
  ): Promise<void> {
    const began = process.hrtime.bigint();
    try {
      await this.enforcement.change(desired, affected, async ({ added, retired, lastGeneration }) => {
        await this.store.commit({
          ...stored,
          deleteImageRecords: retired,
          putImageRecords: added.map(({ kernelImage, rules }) => ({ generation: kernelImage.generation, rules })),
          generation: lastGeneration,
        });
        this.#desired = desired;
        this.#byNamespaces.clear();
        for (const container of desired.containers.values()) {
          this.#byNamespaces.set(namespaceKey(container.namespaces), container);
        }
      });
      this.onApplied(Number(process.hrtime.bigint() - began) / 1e9);
    } finally {
      if (this.enforcement.divergence !== undefined) this.#retryLater();
      this.onChange();
    }
  }

  #retryLater(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#change(this.#desired, () => false, {}).catch(() => undefined);
    }, RETRY_MILLISECONDS);
  }
}

function isSame(a: Container, b: Container): boolean {
  const text = ({ id, name, namespace, labels, origin, namespaces, process, links }: Container) =>
    JSON.stringify([
      id,
      name,
      namespace,
      Object.entries(labels).sort(),
      origin,
      namespaceKey(namespaces),
      process?.pid,
      process?.startTicks,
      Object.entries(links).sort(),
    ]);
  return text(a) === text(b);
}
