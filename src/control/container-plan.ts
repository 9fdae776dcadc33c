import type { Container } from '../containers/container.js';
import { CONTAINERS_MAX, namespaceKey } from '../containers/container.js';
import { Failure, invalidInput } from '../failure.js';
import { isStep, type Steps } from '../steps.js';
import type { ContainerDraft, ContainerView } from './known-containers.js';

/** What became of one container. */
export interface ContainerChange {
  readonly container: Container;
  readonly kind: 'added' | 'changed' | 'unchanged' | 'removed';
}

/**
 * Takes containers out of a draft and puts others into it. A container that has ended unnoticed gives way to the one
 * that was given the numbers of its namespaces.
 *
 * @throws Failure invalid-argument when another container of the same origin has the namespaces of one, already-exists
 *   when one of another origin has them: two sources report one container, and the first has its way;
 *   resource-exhausted when there are more than there can be. The draft must be thrown away then
 * @param correctsProtection see ContainerRequest
 */
export function* planContainers(
  draft: ContainerDraft,
  wanted: readonly Container[],
  unwanted: readonly Container[],
  correctsProtection = false,
): Steps<ContainerChange[]> {
  const ids = new Set(wanted.map(({ id }) => id));
  const changes: ContainerChange[] = [];
  const remove = (container: Container) => {
    draft.delete(container.id);
    changes.push({ container, kind: 'removed' });
  };
  for (const [place, container] of unwanted.entries()) {
    if (isStep(place)) yield;
    remove(container);
  }
  for (const [place, container] of wanted.entries()) {
    if (isStep(place)) yield;
    const holder = draft.at(namespaceKey(container.namespaces));
    if (holder === undefined || ids.has(holder.id)) continue;
    if (hasEnded(holder, container)) remove(holder);
    else throw namespacesTaken(holder, container);
  }
  for (const [place, container] of wanted.entries()) {
    if (isStep(place)) yield;
    changes.push(put(draft, container, correctsProtection));
  }
  for (const [place, container] of wanted.entries()) {
    if (isStep(place)) yield;
    const holder = draft.at(namespaceKey(container.namespaces))!;
    if (holder.id !== container.id) throw namespacesTaken(container, holder);
  }
  if (draft.size > CONTAINERS_MAX) {
    throw new Failure(
      'resource-exhausted',
      `${draft.size} containers are more than the ${CONTAINERS_MAX} that one host may have`,
    );
  }
  return changes;
}

function put(draft: ContainerDraft, container: Container, correctsProtection: boolean): ContainerChange {
  const known = draft.get(container.id);
  if (known === undefined || correctsProtection) {
    draft.put(container);
    return { container, kind: known === undefined ? 'added' : 'changed' };
  }
  const isOneRun = isSameRun(known, container);
  const described = asKnown(container, known);
  if (isSame(known, described)) return { container: known, kind: 'unchanged' };
  const changed = isOneRun ? withItsPast(described, known) : described;
  draft.put(changed);
  return { container: changed, kind: 'changed' };
}

/** A container that is reported, with what was found of it at first and holds. */
function asKnown(container: Container, known: Container | undefined): Container {
  if (known === undefined || !isSameRun(known, container)) return container;
  return withItsLinks(withItsRoot(container, known), known);
}

/** The same for each; those that are known stand in the same order. */
export function* asAllKnown(
  containers: readonly Container[],
  known: readonly (Container | undefined)[],
): Steps<Container[]> {
  const described: Container[] = [];
  for (const [place, container] of containers.entries()) {
    if (isStep(place)) yield;
    described.push(asKnown(container, known[place]));
  }
  return described;
}

/** Those that are still known, as they are by now, with the protection given. */
export function withProtectionOf(
  containers: readonly Container[],
  known: readonly (Container | undefined)[],
): Container[] {
  return containers.flatMap((container, place) => {
    const now = known[place];
    if (now === undefined || !isSameRun(now, container)) return [];
    return [{ ...now, ...(container.protection !== undefined && { protection: container.protection }) }];
  });
}

/** Whether the numbers of a container's namespaces were given to another one, which started at another time. */
function hasEnded({ initStartTicks: before }: Container, { initStartTicks: now }: Container): boolean {
  return now !== undefined && before !== undefined && now !== before;
}

function isSameRun(known: Container, container: Container): boolean {
  return namespaceKey(known.namespaces) === namespaceKey(container.namespaces) && !hasEnded(known, container);
}

/** What its root was found to be at first holds: a container with privileges may change to another one. */
function withItsRoot(container: Container, { root }: Container): Container {
  return root !== undefined && 'device' in root ? { ...container, root } : container;
}

/** What leads elsewhere than at first may have been changed by the container: see followLinks. */
function withItsLinks(container: Container, known: Container): Container {
  const first = known.process === undefined ? { ...container.links, ...known.links } : known.links;
  // Of a container that was described before, what it has as links are the first ones.
  const later = Object.entries({ ...known.laterLinks, ...container.links, ...container.laterLinks }).filter(
    ([link, target]) => first[link] !== target,
  );
  const shared = new Set([...(known.sharedPrograms ?? []), ...(container.sharedPrograms ?? [])]);
  const folded = new Map(
    [...(known.foldedPlaces ?? []), ...(container.foldedPlaces ?? [])].map((each) => [each.place, each]),
  );
  const { laterLinks: _, sharedPrograms: __, foldedPlaces: ___, ...rest } = container;
  return {
    ...rest,
    links: first,
    ...(later.length > 0 && { laterLinks: Object.fromEntries(later) }),
    ...(folded.size > 0 && { foldedPlaces: [...folded.values()].sort((a, b) => (a.place < b.place ? -1 : 1)) }),
    ...(shared.size > 0 && { sharedPrograms: [...shared].sort() }),
  };
}

/** How it came under its policies, and as what its process did, stays so whoever reports it again. */
function withItsPast(container: Container, { protection, isFirstProcess, process }: Container): Container {
  const isItsProcess = process?.pid === container.process?.pid && process?.startTicks === container.process?.startTicks;
  return {
    ...container,
    ...(protection !== undefined && { protection }),
    ...(isFirstProcess && isItsProcess && { isFirstProcess }),
  };
}

function namespacesTaken(holder: Container, { id, origin }: Container): Failure {
  if (holder.origin !== origin) {
    return new Failure('already-exists', `container ${holder.id} (${holder.origin}) has the namespaces of ${id}`);
  }
  const description = `containers ${holder.id} and ${id} cannot both have these namespaces`;
  return invalidInput([{ field: 'namespaces', description }]);
}

function isSame(a: Container, b: Container): boolean {
  const text = ({
    process,
    initStartTicks,
    links,
    laterLinks,
    sharedPrograms,
    foldedPlaces,
    root,
    image,
    policyOverride: override,
    visibility,
    ...container
  }: Container) => {
    const { id, name, namespace, labels, origin, namespaces } = container;
    return JSON.stringify([
      id,
      name,
      namespace,
      Object.entries(labels).sort(),
      origin,
      namespaceKey(namespaces),
      process?.pid,
      process?.startTicks,
      initStartTicks,
      [links, laterLinks ?? {}].map((each) => Object.entries(each).sort()),
      sharedPrograms,
      foldedPlaces,
      root,
      image,
      override?.mode,
      override?.setBy,
      visibility,
    ]);
  };
  return text(a) === text(b);
}

/** The container of that id. @throws Failure not-found */
export function existing(id: string, known: ContainerView): Container {
  const container = known.get(id);
  if (container === undefined) throw new Failure('not-found', `no container ${id}`);
  return container;
}
