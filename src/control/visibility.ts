import type { Container } from '../containers/container.js';
import { append } from '../policy/append.js';
import { selectsBy } from '../policy/policy-index.js';
import {
  inOrder,
  type Visibility,
  type VisibilityScope,
  type VisibilitySetting,
  visibilityKey,
  visibilityText,
} from '../policy/visibility.js';
import type { Change } from './change.js';
import type { DesiredState } from './desired-state.js';
import { ALL_NAMESPACES } from './namespace-postures.js';

/** By visibilityKey. */
export type VisibilitySettings = ReadonlyMap<string, VisibilitySetting>;

/** The containers that requests are about. */
export type VisibilitySubject = Pick<Container, 'namespace' | 'labels' | 'isHost' | 'visibility'> &
  Partial<Pick<Container, 'name'>>;

/**
 * The configured visibility of a container; undefined if none is, so that the daemon's own applies. Settings of clients
 * take precedence over annotations, and those for containers over those for their namespace. If several selectors of
 * clients match, the classes of all of them are visible.
 */
export function configuredVisibility(
  container: VisibilitySubject,
  settings: VisibilitySettings,
): Visibility | undefined {
  if (container.isHost) return undefined;
  const { namespace, visibility } = container;
  if (settings.size === 0) return visibility;
  const selecting = selectorsIn(settings, namespace).filter(({ matchLabels }) => selectsBy({ matchLabels }, container));
  if (selecting.length > 0) return inOrder(selecting.flatMap(({ classes }) => classes));
  const settingIn = (origin: VisibilitySetting['origin'], name: string) =>
    settings.get(visibilityKey({ origin, namespace: name, matchLabels: {} }))?.classes;
  return (
    settingIn('rpc', namespace) ??
    visibility ??
    settingIn('kubernetes', namespace) ??
    settingIn('kubernetes', ALL_NAMESPACES)
  );
}

/** Replaces the settings of these scopes, removing those without classes; the others stay. */
export function visibilityChange(
  current: DesiredState,
  changed: readonly (VisibilityScope & { readonly classes: Visibility | undefined })[],
): Change<void> {
  const visibility = new Map(current.visibility);
  const putVisibility: VisibilitySetting[] = [];
  const deleteVisibility: string[] = [];
  for (const { classes, ...scope } of changed) {
    const key = visibilityKey(scope);
    if (textOf(visibility.get(key)?.classes) === textOf(classes)) continue;
    if (classes === undefined) {
      visibility.delete(key);
      deleteVisibility.push(key);
    } else {
      const setting = { ...scope, classes };
      visibility.set(key, setting);
      putVisibility.push(setting);
    }
  }
  if (putVisibility.length + deleteVisibility.length === 0) return { next: undefined, result: undefined };
  const desired = { ...current, visibility };
  const affected = (container: Container) =>
    textOf(configuredVisibility(container, current.visibility)) !== textOf(configuredVisibility(container, visibility));
  return {
    next: { desired, affected },
    make: () => ({ desired, stored: { putVisibility, deleteVisibility }, result: undefined }),
  };
}

/** The settings of clients. */
export function visibleForClients(settings: VisibilitySettings): VisibilitySetting[] {
  return [...settings.values()].filter(({ origin }) => origin === 'rpc');
}

/** All settings with those of clients replaced by these; those of annotations stay. */
export function withVisibilityOfClients(
  settings: VisibilitySettings,
  said: readonly VisibilitySetting[],
): VisibilitySettings {
  const annotated = [...settings.values()].filter(({ origin }) => origin !== 'rpc');
  return new Map([...annotated, ...said].map((setting) => [visibilityKey(setting), setting]));
}

/** Replaces what annotations set for all namespaces. */
export function annotatedVisibilityChange(
  current: DesiredState,
  wanted: ReadonlyMap<string, Visibility>,
): Change<void> {
  const origin = 'kubernetes';
  const before = [...current.visibility.values()].filter((each) => each.origin === origin);
  const namespaces = new Set([...before.map(({ namespace }) => namespace), ...wanted.keys()]);
  return visibilityChange(
    current,
    Array.from(namespaces, (namespace) => ({ origin, namespace, matchLabels: {}, classes: wanted.get(namespace) })),
  );
}

function textOf(classes: Visibility | undefined): string {
  return classes === undefined ? '' : visibilityText(classes);
}

/** There may be thousands of annotated namespaces, and this is asked of each container. */
const selectors = new WeakMap<VisibilitySettings, ReadonlyMap<string, readonly VisibilitySetting[]>>();

function selectorsIn(settings: VisibilitySettings, namespace: string): readonly VisibilitySetting[] {
  let byNamespace = selectors.get(settings);
  if (byNamespace === undefined) {
    const found = new Map<string, VisibilitySetting[]>();
    for (const setting of settings.values()) {
      if (Object.keys(setting.matchLabels).length > 0) append(found, setting.namespace, setting);
    }
    selectors.set(settings, found);
    byNamespace = found;
  }
  return byNamespace.get(namespace) ?? [];
}
