import type { Container, Protection } from '../containers/container.js';
import { CONTAINERS_MAX, namespaceKey } from '../containers/container.js';
import { Failure, invalidInput } from '../failure.js';
import { policyKey } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import type { DesiredState } from './desired-state.js';
import type { Change, Ledger, Outcome } from './ledger.js';

/** What became of one container. */
export interface ContainerChange {
  readonly container: Container;
  readonly kind: 'added' | 'changed' | 'unchanged' | 'removed';
}

/** The containers policies can reach. Their namespaces have been looked up before they come here. */
export class ContainerRegistry {
  constructor(readonly ledger: Ledger) {}

  /**
   * Adds a container, or changes what is known of it.
   *
   * @throws Failure invalid-argument when another container has these namespaces, resource-exhausted when there are as
   *   many as there can be
   */
  async put(container: Container): Promise<Outcome<ContainerChange>> {
    const { result, revision } = await this.ledger.change((current) => plan([container], [], current));
    return { result: result.at(-1)!, revision };
  }

  /** Makes the registered containers those given; containers of another origin stay as they are. All or nothing. */
  sync(containers: readonly Container[]): Promise<Outcome<ContainerChange[]>> {
    return this.ledger.change((current) => {
      const wanted = new Set(containers.map(({ id }) => id));
      const leftOut = [...current.containers.values()].filter(
        ({ id, origin }) => origin === 'registered' && !wanted.has(id),
      );
      return plan(containers, leftOut, current);
    });
  }

  /** @throws Failure not-found */
  remove(id: string): Promise<Outcome<ContainerChange[]>> {
    return this.ledger.change((current) => {
      const container = current.containers.get(id);
      if (container === undefined) throw new Failure('not-found', `no container ${id}`);
      return plan([], [container], current);
    });
  }

  /** Sorted by id. */
  list(): Container[] {
    return [...this.ledger.desired.containers.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Also the host, by its id. */
  get(id: string): Container | undefined {
    const { host } = this.ledger.enforcement;
    return id === host?.id ? host : this.ledger.desired.containers.get(id);
  }

  /** How many containers came under their policies by which way. */
  countByProtection(): Record<Protection['by'], number> {
    const counts = { hook: 0, event: 0, registered: 0 };
    for (const { protection } of this.ledger.desired.containers.values()) counts[protection?.by ?? 'event']++;
    return counts;
  }

  policyKeysOf(container: Container): string[] {
    return this.ledger.desired.policies.reaching(container).map(policyKey);
  }

  /** Policies that reach the container and are not in force in it, "namespace/name". */
  leftOutOf(_id: string): readonly string[] {
    return [];
  }

  /** Of the image the kernel decides by. */
  imageIdOf(container: Container): number {
    return this.ledger.enforcement.imageOf(container.id)?.kernelImage.imageId ?? 0;
  }

  /** The rules that decide for a container, in the order in which they are asked. */
  ruleSetOf(container: Container): RuleSet {
    return this.ledger.enforcement.ruleSetFor(container, this.ledger.desired);
  }
}

function plan(
  wanted: readonly Container[],
  unwanted: readonly Container[],
  current: DesiredState,
): Change<ContainerChange[]> {
  const containers = new Map(current.containers);
  const changes: ContainerChange[] = [];
  for (const container of [...unwanted, ...endedBefore(wanted, current.containers.values())]) {
    if (containers.delete(container.id)) changes.push({ container, kind: 'removed' });
  }
  for (const container of wanted) {
    const known = current.containers.get(container.id);
    const kind = known === undefined ? 'added' : isSame(known, container) ? 'unchanged' : 'changed';
    if (kind !== 'unchanged') containers.set(container.id, container);
    changes.push({ container: containers.get(container.id)!, kind });
  }
  if (containers.size > CONTAINERS_MAX) {
    throw new Failure(
      'resource-exhausted',
      `${containers.size} containers are more than the ${CONTAINERS_MAX} that one host may have`,
    );
  }
  checkNamespacesAreOwn(containers.values());
  const touched = changes.filter(({ kind }) => kind !== 'unchanged');
  if (touched.length === 0) return { next: undefined, result: changes };
  const ids = new Set(touched.map(({ container }) => container.id));
  return {
    next: {
      desired: { ...current, containers },
      affected: ({ id }) => ids.has(id),
      stored: {
        putContainers: touched.filter(({ kind }) => kind !== 'removed').map(({ container }) => container),
        deleteContainers: touched.filter(({ kind }) => kind === 'removed').map(({ container }) => container.id),
      },
    },
    result: changes,
  };
}

/** Containers that have ended, unnoticed so far: others were given the numbers of their namespaces. */
function endedBefore(wanted: readonly Container[], known: Iterable<Container>): Container[] {
  const starts = new Map(wanted.map(({ namespaces, initStartTicks }) => [namespaceKey(namespaces), initStartTicks]));
  const ids = new Set(wanted.map(({ id }) => id));
  return [...known].filter(({ id, namespaces, initStartTicks: before }) => {
    const now = starts.get(namespaceKey(namespaces));
    return !ids.has(id) && now !== undefined && before !== undefined && now !== before;
  });
}

function checkNamespacesAreOwn(containers: Iterable<Container>): void {
  const holders = new Map<string, string>();
  for (const { id, namespaces } of containers) {
    const key = namespaceKey(namespaces);
    const holder = holders.get(key);
    if (holder !== undefined) {
      const description = `containers ${holder} and ${id} cannot both have these namespaces`;
      throw invalidInput([{ field: 'namespaces', description }]);
    }
    holders.set(key, id);
  }
}

function isSame(a: Container, b: Container): boolean {
  const text = ({ id, name, namespace, labels, origin, namespaces, process, initStartTicks, links }: Container) =>
    JSON.stringify([
      id,
      name,
      namespace,
      Object.entries(labels).sort(),
      origin,
      namespaceKey(namespaces),
      process?.pid,
      process?.startTicks,
      initStartTicks,
      Object.entries(links).sort(),
    ]);
  return text(a) === text(b);
}
