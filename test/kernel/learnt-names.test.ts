import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forgetLearntNames, LEARNT_KEY_BYTES } from '../../src/kernel/learnt-names.js';
import {
  BPF_ANY,
  checked,
  closeDescriptor,
  createMap,
  lookupElement,
  MAP_CREATE_OPTIONS_BYTES,
  updateElement,
} from '../../src/kernel/libbpf.js';

const BPF_MAP_TYPE_LRU_HASH = 9;
const ADDRESSES = 100;

test('what one container has learnt is forgotten, and what others have learnt is not', () => {
  const options = { sz: MAP_CREATE_OPTIONS_BYTES, map_flags: 0 };
  const map = checked('create', createMap(BPF_MAP_TYPE_LRU_HASH, 'learnt', LEARNT_KEY_BYTES, 4, 4096, options));
  const key = (pidNamespace: number, address: number) => Uint32Array.of(pidNamespace, 7, address, 0, 0, 0, 1);
  for (let address = 0; address < ADDRESSES; address++) {
    for (const namespace of [1, 2]) {
      checked('fill', updateElement(map, key(namespace, address), Uint32Array.of(address), BPF_ANY));
    }
  }
  forgetLearntNames(map, { pidNamespace: 1, mountNamespace: 7 });
  forgetLearntNames(map, { pidNamespace: 2, mountNamespace: 8 });
  const kept = (namespace: number) =>
    Array.from({ length: ADDRESSES }, (_, address) =>
      lookupElement(map, key(namespace, address), Buffer.alloc(4)),
    ).filter((result) => result === 0).length;
  assert.deepEqual([kept(1), kept(2)], [0, ADDRESSES]);
  closeDescriptor(map);
});
