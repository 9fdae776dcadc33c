import type { Container, ContainerDescription } from '../../src/containers/container.js';
import type {
  AppliedPolicy,
  ContainerIdentity,
  ControlPlane,
  HostStatus,
  Registration,
} from '../../src/control/control-plane.js';
import { Failure } from '../../src/failure.js';
import { checkPattern } from '../../src/image/pattern.js';
import { readManifest } from '../../src/policy/manifest.js';
import { toManifest } from '../../src/policy/manifest-text.js';
import { type Policy, policyKey } from '../../src/policy/model.js';
import { compare, PolicySet } from '../../src/policy/policy-set.js';
import { type RuleSet, resolveRules } from '../../src/policy/rule-set.js';
import { readPolicy, warningsOf } from '../../src/policy/validate.js';

/** A control plane with real policies and no kernel, for tests of the RPC services. */
export class InMemoryControlPlane implements ControlPlane {
  readonly #containers = new Map<string, Container>();
  readonly #listeners = new Set<(status: HostStatus) => void>();
  #policies = PolicySet.empty;
  #status: HostStatus = {
    version: '1.2.3',
    kernelRelease: '6.1.0-test',
    securityModules: ['capability', 'bpf'],
    enforcing: true,
    reason: '',
    programs: ['hauberk_exec', 'hauberk_open'],
    policies: 0,
    containers: 0,
    images: 2,
    started: new Date('2024-05-06T07:08:09.123Z'),
    adopted: true,
    dockerConnected: false,
  };

  async applyManifest(text: string): Promise<AppliedPolicy[]> {
    return this.#apply(readManifest(text, { checkPattern }));
  }

  async applyDocument(document: unknown): Promise<AppliedPolicy> {
    const policy = readPolicy(document, { checkPattern });
    return this.#apply([{ policy, warnings: warningsOf(policy) }])[0]!;
  }

  #apply(inputs: readonly { policy: Policy; warnings: readonly string[] }[]): AppliedPolicy[] {
    const before = this.#policies;
    this.#policies = before.with(inputs.map(({ policy }) => policy));
    const { added, changed } = compare(before, this.#policies);
    return inputs.map(({ policy, warnings }) => {
      const key = policyKey(policy);
      const kind = added.includes(key) ? 'created' : changed.includes(key) ? 'updated' : 'unchanged';
      return { policy, kind, containerIds: this.containerIdsReachedBy(policy), warnings };
    });
  }

  async deletePolicy(namespace: string, name: string): Promise<string[]> {
    const policy = this.policy(namespace, name);
    if (policy === undefined) throw new Failure('not-found', `no policy ${namespace}/${name}`);
    this.#policies = this.#policies.without(policyKey(policy));
    return this.containerIdsReachedBy(policy);
  }

  policy(namespace: string, name: string): Policy | undefined {
    return this.#policies.get(policyKey({ namespace, name }));
  }

  policies(): readonly Policy[] {
    return this.#policies.list();
  }

  manifestOf(policy: Policy): string {
    return toManifest(policy);
  }

  containerIdsReachedBy(policy: Policy): string[] {
    const reaching = (container: Container) => PolicySet.empty.with([policy]).reaching(container).length > 0;
    return this.containers()
      .filter(reaching)
      .map(({ id }) => id);
  }

  async registerContainer(description: ContainerDescription, identity: ContainerIdentity): Promise<Registration> {
    const known = this.#containers.get(description.id);
    const namespaces = 'pid' in identity ? { pidNamespace: identity.pid, mountNamespace: identity.pid } : identity;
    const container: Container = {
      ...description,
      namespaces,
      links: {},
      ...('pid' in identity && { process: { pid: identity.pid, startTicks: 1 } }),
    };
    this.#containers.set(container.id, container);
    return { container, changed: JSON.stringify(known) !== JSON.stringify(container) };
  }

  async unregisterContainer(id: string): Promise<void> {
    if (!this.#containers.delete(id)) throw new Failure('not-found', `no container ${id}`);
  }

  containers(): Container[] {
    return [...this.#containers.values()];
  }

  policyKeysOf(container: Container): string[] {
    return this.#policies.reaching(container).map(policyKey);
  }

  generationOf(container: Container): number {
    return 40 + this.containers().indexOf(container);
  }

  ruleSetOf(containerId: string): RuleSet {
    const container = this.#containers.get(containerId);
    if (container === undefined) throw new Failure('not-found', `no container ${containerId}`);
    return resolveRules(this.#policies.boundRulesFor(container), { process: 'block', file: 'audit' });
  }

  status(): HostStatus {
    return { ...this.#status, policies: this.policies().length, containers: this.#containers.size };
  }

  onStatusChange(listener: (status: HostStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Changes the status and tells the listeners. */
  setStatus(change: Partial<HostStatus>): void {
    this.#status = { ...this.#status, ...change };
    for (const listener of this.#listeners) listener(this.status());
  }

  get listeners(): number {
    return this.#listeners.size;
  }
}
