import type { Container, ContainerDescription, Protection } from '../containers/container.js';
import { policyKey } from '../policy/model.js';
import { type NamedInRules, namedIn } from '../policy/named-paths.js';
import type { OverrideMode } from '../policy/override.js';
import type { RuleSet } from '../policy/rule-set.js';
import { finish } from '../steps.js';
import { type ContainerChange, existing } from './container-plan.js';
import type { InForce } from './in-force.js';
import type { Ledger, Outcome } from './ledger.js';
import { type ResolutionSettings, ruleSetInSteps } from './resolution.js';

export type { ContainerChange };

/** The containers policies can reach. Their namespaces have been looked up before they come here. */
export class ContainerRegistry {
  constructor(
    readonly ledger: Ledger,
    readonly inForce: Pick<InForce, 'host' | 'leftOut' | 'ruleSetInForce' | 'imageIdOf'>,
    readonly settings: ResolutionSettings,
  ) {}

  /**
   * Adds a container, or changes what is known of it. Many that come at once are added together.
   *
   * @param onVisible called once the kernel decides for it, which may be long before everything is done
   * @throws Failure see planContainers; unavailable when it cannot be written down, and then nothing has changed;
   *   internal when the kernel does not take it, and then it is tried again until it does
   */
  async put(container: Container, onVisible?: () => void): Promise<Outcome<ContainerChange>> {
    const { result, revision } = await this.ledger.changeContainers({
      put: [container],
      ids: [container.id],
      ...(onVisible !== undefined && { onVisible }),
    });
    return { result: result.at(-1)!, revision };
  }

  /**
   * Writes down how a container came under its policies, where that was not as expected.
   *
   * @throws Failure unavailable when it cannot be written down
   */
  async correctProtection(container: Container, protection: Protection): Promise<void> {
    const put = [{ ...container, protection }];
    await this.ledger.changeContainers({ put, ids: [container.id], correctsProtection: true });
  }

  /** Makes the registered containers those given; containers of another origin stay as they are. All or nothing. */
  sync(containers: readonly Container[]): Promise<Outcome<ContainerChange[]>> {
    const wanted = new Set(containers.map(({ id }) => id));
    return this.ledger.changeContainers({
      put: containers,
      remove: () =>
        [...this.ledger.desired.containers.values()].filter(
          ({ id, origin }) => origin === 'registered' && !wanted.has(id),
        ),
    });
  }

  /** @throws Failure not-found */
  remove(id: string): Promise<Outcome<ContainerChange[]>> {
    return this.ledger.changeContainers({ put: [], remove: (known) => [existing(id, known)], ids: [id] });
  }

  /** Sorted by id. */
  list(): Container[] {
    return [...this.ledger.desired.containers.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Also the host, by its id. */
  get(id: string): Container | undefined {
    const { host } = this.inForce;
    return id === host?.id ? host : this.ledger.desired.containers.get(id);
  }

  /** What rules name of the files of such a container. */
  namedPathsOf(container: ContainerDescription): NamedInRules {
    return namedIn(this.ledger.desired.policies.reaching(container).flatMap(({ rules }) => rules));
  }

  policyKeysOf(container: Container): string[] {
    return this.ledger.desired.policies.reaching(container).map(policyKey);
  }

  /** How many containers came under their policies by which way. */
  countByProtection(): Record<Protection['by'], number> {
    const counts = { hook: 0, event: 0, registered: 0 };
    for (const { protection } of this.ledger.desired.containers.values()) counts[protection?.by ?? 'event']++;
    return counts;
  }

  /** How many containers are of pods that ask for something else than their policies. */
  countByOverride(): Record<OverrideMode, number> {
    const counts = { audited: 0, disabled: 0 };
    for (const { policyOverride } of this.ledger.desired.containers.values()) {
      if (policyOverride !== undefined) counts[policyOverride.mode]++;
    }
    return counts;
  }

  /** Policies that reach the container and are not in force in it, "namespace/name". */
  leftOutOf(id: string): readonly string[] {
    return this.inForce.leftOut.get(id) ?? [];
  }

  /** Of the image the kernel decides by. */
  imageIdOf(container: Container): number {
    return this.inForce.imageIdOf(container.id) ?? 0;
  }

  /** The rules in force for a container or, where none are yet, those of all its policies; as they are asked. */
  ruleSetOf(container: Container): RuleSet {
    const inForce = this.inForce.ruleSetInForce(container.id);
    return inForce ?? finish(ruleSetInSteps(container, this.ledger.desired, this.settings));
  }
}
