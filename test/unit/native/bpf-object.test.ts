import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PINNED_MAPS, pinNamesOf } from '../../../src/kernel/map-pins.js';
import { BpfObject } from '../../../src/native/bpf-object.js';
import { takeWarnings } from '../../../src/native/libbpf.js';

const PATH = 'build/bpf/hauberk.bpf.o';

describe('an object file of BPF programs', () => {
  test('lists its programs with the hooks they are for', (t) => {
    const object = BpfObject.open(PATH);
    t.after(() => object.close());
    const hooks = new Map([...object.programs()].map(({ name, hook }) => [name, hook]));
    assert.equal(hooks.get('hauberk_socket_bind'), 'socket_bind');
    assert.ok(hooks.size > 40);
  });

  test('tells the sizes of its maps, which the names of their pins are made from', (t) => {
    const object = BpfObject.open(PATH);
    t.after(() => object.close());
    const BPF_MAP_TYPE_RINGBUF = 27;
    assert.equal(object.mapSizes('events')[0], BPF_MAP_TYPE_RINGBUF);
    const names = pinNamesOf(object);
    for (const name of PINNED_MAPS) assert.match(names[name], new RegExp(`^${name}-[0-9a-f]{8}$`, 'u'));
    assert.throws(() => object.mapSizes('nothing'), /^KernelError: no map nothing in the object: /u);
  });

  test('takes values for its constants, and no others', (t) => {
    const object = BpfObject.open(PATH);
    t.after(() => object.close());
    object.setConstants({ host_mount_namespace: 1 });
    assert.throws(() => object.setConstants({ nothing: 1 }), /no constant nothing in the object/u);
  });

  test('cannot be opened where there is none, which libbpf warns of', () => {
    assert.throws(() => BpfObject.open('build/bpf/nothing.bpf.o'), { name: 'KernelError', message: /ENOENT/u });
    assert.match(takeWarnings().join('\n'), /build\/bpf\/nothing\.bpf\.o/u);
  });
});
