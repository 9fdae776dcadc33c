import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { OBJECTS } from '../../../src/image/kinds/kinds.js';
import { BEHAVIOURS } from '../../../src/image/kinds/presets.js';
import { readObjectKey, reportedObject } from '../../../src/image/read-object-key.js';
import type { KeyObject, ReportedObject } from '../../../src/image/reported-object.js';
import { writeObjectKey } from '../../../src/image/write-object-key.js';
import { CALL_POINTS } from '../../../src/policy/system-calls.js';
import { BEHAVIOURS_KNOWN, capabilityKey, objectKey, socketKey } from '../../support/object-key.js';

const socket = { family: 10, type: 2, protocol: 262, direction: 'egress', port: 443 } as const;
const SIXTEEN = Array.from({ length: 16 }, (_, index) => index * 16);
const PATH = Buffer.from('/a/b');

/** Keys as the kernel writes them, with what they stand for. */
const KEYS: readonly (readonly [key: Buffer | string, object: KeyObject])[] = [
  [socketKey({ ...socket, address: SIXTEEN }), { kind: 'socket', ...socket, address: SIXTEEN }],
  [
    socketKey({ ...socket, family: 2, address: [10, 0, 0, 255], name: 'www.example.com' }),
    { kind: 'socket', ...socket, family: 2, address: [10, 0, 0, 255], name: 'www.example.com' },
  ],
  [
    socketKey({ ...socket, direction: 'none', port: 0, address: [] }),
    { kind: 'socket', ...socket, direction: 'none', port: 0, address: [] },
  ],
  [objectKey({ kind: 'query', name: 'a.example.com' }), { kind: 'query', name: 'a.example.com' }],
  ['q', { kind: 'query', name: '' }],
  [capabilityKey(21), { kind: 'capability', number: 21 }],
  [objectKey({ kind: 'filesystem', type: 'tmpfs', path: PATH }), { kind: 'filesystem', type: 'tmpfs', path: '/a/b' }],
  [
    objectKey({ kind: 'mount', operation: 'unmount', type: '', path: PATH }),
    { kind: 'mount', operation: 'unmount', type: '', path: '/a/b' },
  ],
  [
    objectKey({ kind: 'mount', operation: 'mount', type: 'ext4', path: PATH }),
    { kind: 'mount', operation: 'mount', type: 'ext4', path: '/a/b' },
  ],
  [objectKey({ kind: 'trace', operation: 'attach', path: PATH }), { kind: 'trace', operation: 'attach', path: '/a/b' }],
  ['ta', { kind: 'trace', operation: 'read', path: '' }],
  [objectKey({ kind: 'namespace' }), { kind: 'namespace' }],
  ['saappp', { kind: 'call', point: 'entry', number: 4095, path: '' }],
  ['seaafe/a/b', { kind: 'call', point: 'delete', number: 84, path: '/a/b' }],
];

for (const [key, object] of KEYS) {
  test(`the object key ${key} is decoded, and encoded as before`, () => {
    assert.deepEqual(readObjectKey(key.toString()), object);
    assert.equal(writeObjectKey(object), key.toString());
  });
}

test('what presets decide about is decoded and encoded as before', () => {
  const paths = ['pba/usr/bin/x', 'pce/proc/7/environ', 'pd/bin/sh', 'pe/dev/sda', 'pfa/tmp/x', 'pfb/tmp/x'];
  const keys = ['pa', 'pbb', 'pca/proc/7/maps', 'pfc', `pe${capabilityKey(21)}`, ...paths];
  const decoded = keys.map(reportedObject);
  assert.deepEqual(decoded.map(writeObjectKey), keys);
  const found = new Set(decoded.map((each) => each.kind === 'behaviour' && each.behaviour));
  assert.deepEqual(found, new Set(BEHAVIOURS));
  assert.deepEqual(decoded[4], { kind: 'behaviour', behaviour: 'use-of-host', path: '', capability: 21 });
  for (const presets of BEHAVIOURS_KNOWN) {
    const key = objectKey({ kind: 'behaviour', presets: presets.split(',') as [] }).toString();
    assert.equal(readObjectKey(key)?.kind, 'behaviour', key);
  }
});

test('a path is none of the object keys, and neither is what has only their first letter', () => {
  const paths = ['/', '/nope', '', ...[...'abcdefghijklmnopqrstuvwxyz'].map((letter) => `${letter}zz/nope`)];
  const read = paths.filter((path) => readObjectKey(path) !== undefined);
  assert.deepEqual(read, []);
  for (const path of paths) assert.deepEqual(reportedObject(path), { kind: 'path', path });
});

test('each kind of object has a first character of its own, which the kernel writes too', () => {
  const header = readFileSync('bpf/include/object_key.h', 'utf8');
  const ofNoObject = ['ARGUMENT', 'CALLED', 'GUARD', 'LIBRARY'];
  const letters = Array.from(header.matchAll(/\bKEY_([A-Z]+) = '(.)'/gu), ([, name, letter]) => ({ name, letter }));
  const ofObjects = letters.filter(({ name }) => !ofNoObject.includes(name!)).map(({ letter }) => letter);
  assert.deepEqual(
    Object.values(OBJECTS)
      .map(({ firstCharacter }) => firstCharacter)
      .sort(),
    ofObjects.sort(),
  );
});

const byte = fc.nat(255);
const path = fc.oneof(
  fc.constant(''),
  fc.string({ unit: 'binary' }).map((text) => `/${text}`),
);
const type = fc.oneof(fc.constant(''), fc.stringMatching(/^[a-z0-9.]{1,9}$/u));
const objects: fc.Arbitrary<ReportedObject> = fc.oneof(
  fc.record({ kind: fc.constant('path' as const), path }),
  fc.record(
    {
      kind: fc.constant('socket' as const),
      family: byte,
      type: fc.nat(15),
      protocol: fc.nat(0xffff),
      direction: fc.constantFrom('none' as const, 'egress' as const, 'ingress' as const),
      port: fc.nat(0xffff),
      address: fc.oneof(...[0, 4, 16].map((length) => fc.array(byte, { minLength: length, maxLength: length }))),
      name: fc.domain(),
    },
    { requiredKeys: ['kind', 'family', 'type', 'protocol', 'direction', 'port', 'address'] },
  ),
  fc.record({ kind: fc.constant('query' as const), name: fc.oneof(fc.constant(''), fc.domain()) }),
  fc.record({ kind: fc.constant('capability' as const), number: byte }),
  fc.record({ kind: fc.constant('filesystem' as const), type, path }),
  fc.record({
    kind: fc.constant('mount' as const),
    operation: fc.constantFrom('mount' as const, 'unmount' as const),
    type,
    path,
  }),
  fc.record({
    kind: fc.constant('trace' as const),
    operation: fc.constantFrom('read' as const, 'attach' as const),
    path,
  }),
  fc.record({
    kind: fc.constant('call' as const),
    point: fc.constantFrom(...CALL_POINTS),
    number: fc.nat(0xffff),
    path,
  }),
  fc.record({ kind: fc.constant('behaviour' as const), behaviour: fc.constantFrom(...BEHAVIOURS), path }),
);

test('any object is the same after encoding and decoding', () => {
  fc.assert(fc.property(objects, (object) => assert.deepEqual(reportedObject(writeObjectKey(object)), { ...object })));
});
