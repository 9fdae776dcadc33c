import { createHash } from 'node:crypto';
import { IMAGE_LAYOUT } from '../image/layout.js';
import type { BpfObject } from '../native/bpf-object.js';

/** Maps that outlive the daemon; the next one finds them below the pin directory: see pinNamesOf. */
export const PINNED_MAPS = [
  'containers',
  'container_starts',
  'container_roots',
  'new_containers',
  'aliased',
  'tasks',
  'events',
  'counters',
  'settings',
  'token_buckets',
  'accepted',
  'listeners',
  'nodes',
  'accesses',
  'learnt',
  'learnt_shares',
  'learnt_places',
  'cached_names',
  'dns_clients',
  'owner',
  'own_objects',
  'searched',
  'held',
] as const;
export type PinnedMap = (typeof PINNED_MAPS)[number];

/** What decides with images of another layout must not find these: tasks hold classes of programs in such images. */
const OF_IMAGES: readonly PinnedMap[] = ['containers', 'tasks'];
const DIGITS = 8;

/** Names of pins, by the names of their maps. */
export type PinNames = Readonly<Record<PinnedMap, string>>;

/**
 * How the pins of an object's maps are called. libbpf takes no map of other sizes for its own, so each name ends in a
 * digest of them: a build whose map differs makes a new one beside that of an earlier build, whose programs keep using the former.
 */
export function pinNamesOf(object: BpfObject): PinNames {
  const names = PINNED_MAPS.map((name) => {
    const layout = [...object.mapSizes(name), ...(OF_IMAGES.includes(name) ? [IMAGE_LAYOUT] : [])].join(' ');
    return [name, `${name}-${createHash('sha256').update(layout).digest('hex').slice(0, DIGITS)}`];
  });
  return Object.fromEntries(names) as PinNames;
}
