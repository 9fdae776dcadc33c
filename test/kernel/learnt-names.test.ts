import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  forgetLearntNames,
  HOST_ADDRESS_BYTES,
  LEARNT_KEY_BYTES,
  LEARNT_PLACE_BYTES,
} from '../../src/kernel/learnt-names.js';
import { checked } from '../../src/native/kernel-error.js';
import { BPF_ANY, createMap, lookupElement, MAP_CREATE_OPTIONS_BYTES, updateElement } from '../../src/native/libbpf.js';
import { closeDescriptor } from '../../src/native/libc.js';

const BPF_MAP_TYPE_HASH = 1;
const ADDRESSES = 100;

test('the addresses that one container has learnt can be removed without those of others', () => {
  const options = { sz: MAP_CREATE_OPTIONS_BYTES, map_flags: 0 };
  const create = (name: string, keyBytes: number, valueBytes: number) =>
    checked('create', createMap(BPF_MAP_TYPE_HASH, name, keyBytes, valueBytes, 4096, options));
  const maps = {
    learnt: create('learnt', LEARNT_KEY_BYTES, 4),
    learnt_shares: create('shares', 8, 4),
    learnt_places: create('places', LEARNT_PLACE_BYTES, HOST_ADDRESS_BYTES),
  };
  const key = (pidNamespace: number, address: number) => Uint32Array.of(pidNamespace, 7, address, 0, 0, 0, 1);
  const put = (map: number, at: Uint32Array, value: Uint32Array) =>
    checked('fill', updateElement(map, at, value, BPF_ANY));
  for (const namespace of [1, 2]) {
    for (let address = 0; address < ADDRESSES; address++) {
      put(maps.learnt, key(namespace, address), Uint32Array.of(address));
      put(maps.learnt_places, Uint32Array.of(namespace, 7, address), Uint32Array.of(address, 0, 0, 0, 1));
    }
    put(maps.learnt_shares, Uint32Array.of(namespace, 7), Uint32Array.of(ADDRESSES));
  }
  forgetLearntNames(maps, { pidNamespace: 1, mountNamespace: 7 });
  forgetLearntNames(maps, { pidNamespace: 2, mountNamespace: 8 });
  const kept = (namespace: number) =>
    Array.from({ length: ADDRESSES }, (_, address) =>
      lookupElement(maps.learnt, key(namespace, address), Buffer.alloc(4)),
    ).filter((result) => result === 0).length;
  assert.deepEqual([kept(1), kept(2)], [0, ADDRESSES]);
  for (const map of Object.values(maps)) closeDescriptor(map);
});
