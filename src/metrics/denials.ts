import type { Registry } from 'prom-client';
import type { SecurityEvent } from '../events/event.js';
import { BoundedCounts } from './bounded-counts.js';

/** A policy or a container. */
export interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** Counts what was refused: by policy, by rule and by container. */
export class Denials {
  readonly #ofPolicies: BoundedCounts<'namespace' | 'policy'>;
  readonly #ofRules: BoundedCounts<'policy_namespace' | 'policy' | 'rule'>;
  readonly #ofContainers: BoundedCounts<'namespace' | 'container'>;

  /**
   * @param policies those there are: each has a series before it refuses anything, so that the first is an increase
   * @param containers those there are: if there is no more room, the counts of others are dropped
   */
  constructor(registry: Registry, policies: () => Iterable<Named>, containers: () => Iterable<Named>) {
    this.#ofPolicies = new BoundedCounts(
      registry,
      {
        name: 'hauberk_denials_total',
        help: 'Refused accesses by namespace of the container and policy',
        labelNames: ['namespace', 'policy'],
      },
      () => {
        for (const { namespace, name } of policies()) {
          if (this.#ofPolicies.isFull) break;
          if (namespace !== '') this.#ofPolicies.add([namespace, name], 0);
        }
      },
    );
    this.#ofRules = new BoundedCounts(
      registry,
      {
        name: 'hauberk_rule_denials_total',
        help: 'Refused accesses by the rule that refused them, with its policy',
        labelNames: ['policy_namespace', 'policy', 'rule'],
      },
      // Those that refuse nothing would take the places of those that do: see docs/metrics.md.
      () => undefined,
    );
    this.#ofContainers = new BoundedCounts(
      registry,
      {
        name: 'hauberk_container_denials_total',
        help: 'Refused accesses by container',
        labelNames: ['namespace', 'container'],
      },
      () => {
        if (!this.#ofContainers.isFull) return;
        const present = new Set(Array.from(containers(), ({ namespace, name }) => `${namespace}/${name}`));
        this.#ofContainers.keepOnly(({ namespace, container }) => present.has(`${namespace}/${container}`));
      },
    );
  }

  observe({ result, namespace, policy, policyNamespace, rule, containerName, containerId }: SecurityEvent): void {
    if (result !== 'denied') return;
    this.#ofPolicies.add([namespace, policy]);
    this.#ofRules.add([policyNamespace, policy, rule]);
    this.#ofContainers.add([namespace, containerName || containerId.slice(0, 12)]);
  }
}
