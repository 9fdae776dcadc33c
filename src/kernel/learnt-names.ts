import type { NamespacePair } from '../containers/container.js';
import { CONTAINER_KEY_BYTES, containerKey, deleteIfPresent, lookupIfPresent } from './map-elements.js';

/** struct learnt_key, struct learnt_place and struct host_address of bpf/include/names.h (a test compares them). */
export const LEARNT_KEY_BYTES = 28;
export const LEARNT_PLACE = { container: 0, place: 8 } as const;
export const LEARNT_PLACE_BYTES = 12;
export const HOST_ADDRESS_BYTES = LEARNT_KEY_BYTES - CONTAINER_KEY_BYTES;
/** Addresses that one container can have learnt. */
export const LEARNT_SHARE = 512;

/** Descriptors of the maps that bpf/include/names.h describes. */
export interface LearntMaps {
  readonly learnt: number;
  readonly learnt_shares: number;
  readonly learnt_places: number;
}

/** Removes from the kernel the addresses of names that a container has learnt. */
export function forgetLearntNames(maps: LearntMaps, container: NamespacePair): void {
  const what = 'cannot forget the names of a container';
  const key = containerKey(container);
  const share = Buffer.alloc(4);
  if (!lookupIfPresent(what, maps.learnt_shares, key, share)) return;
  const given = Math.min(share.readUInt32LE(), LEARNT_SHARE);
  for (let number = 0; number < given; number++) {
    const place = Uint32Array.of(container.pidNamespace, container.mountNamespace, number);
    const address = Buffer.alloc(HOST_ADDRESS_BYTES);
    if (!lookupIfPresent(what, maps.learnt_places, place, address)) continue;
    const learnt = Buffer.concat([Buffer.from(key.buffer), address]);
    deleteIfPresent(what, maps.learnt, learnt);
    deleteIfPresent(what, maps.learnt_places, place);
  }
  deleteIfPresent(what, maps.learnt_shares, key);
}
