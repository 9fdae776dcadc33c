import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReportedObject } from '../../../src/image/reported-object.js';
import type { ObservedAccess } from '../../../src/profile/observed-access.js';
import { decodeRecord, encodeRecord } from '../../../src/store/record.js';
import { readRecords, recordsOf } from '../../../src/store/stored-form.js';

const KEY = 'access/p/c1/00000000000000ff';
const head = { profile: 'p', containerId: 'c1', key: '00000000000000ff' };
const done: Omit<ObservedAccess, 'object'> = {
  class: 'file',
  operations: ['read'],
  program: '/bin/cat',
  fromOutside: false,
  ownership: 'owner',
  terminal: false,
  count: 3,
};

const read = (value: unknown) => {
  const { state, unknown } = readRecords(new Map([[KEY, encodeRecord(value)]]));
  return { accesses: state.accesses, unknown };
};

const TCP = { kind: 'socket', family: 2, type: 1, protocol: 6 } as const;
const FD00_1 = [0xfd, ...new Array(14).fill(0), 1];

/** As stores of version 1 have them: they must be read as this also when the kernel writes objects in another way. */
const FIRST_VERSION: readonly (readonly [word: string, object: ReportedObject])[] = [
  ['/etc/passwd', { kind: 'path', path: '/etc/passwd' }],
  ['', { kind: 'path', path: '' }],
  [
    'nacbaaagbabllbakaaaaabaaaaaaaaaaaaaaaaaaaaaaaa.com.example',
    { ...TCP, direction: 'egress', port: 443, address: [10, 0, 0, 1], name: 'example.com' },
  ],
  [
    'nakcaabbcaadfcpnaaaaaaaaaaaaaaaaaaaaaaaaaaaaab',
    { ...TCP, family: 10, type: 2, protocol: 17, direction: 'ingress', port: 53, address: FD00_1 },
  ],
  [
    'nbadaaajaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    { ...TCP, family: 16, type: 3, protocol: 9, direction: 'none', port: 0, address: [] },
  ],
  ['q.com.example', { kind: 'query', name: 'example.com' }],
  ['cbf', { kind: 'capability', number: 21 }],
  ['fatmpfs/tmp/x', { kind: 'filesystem', type: 'tmpfs', path: '/tmp/x' }],
  ['maext4/mnt/', { kind: 'mount', operation: 'mount', type: 'ext4', path: '/mnt/' }],
  ['tb/usr/bin/x', { kind: 'trace', operation: 'attach', path: '/usr/bin/x' }],
  ['ua', { kind: 'namespace' }],
  ['seaafh/tmp/x', { kind: 'call', point: 'delete', number: 87, path: '/tmp/x' }],
  ['pba/dev/shm/x', { kind: 'behaviour', behaviour: 'run-by-path', path: '/dev/shm/x' }],
  ['pecbf', { kind: 'behaviour', behaviour: 'use-of-host', path: '', capability: 21 }],
];

for (const [word, object] of FIRST_VERSION) {
  const stored = { ...head, access: { ...done, object } };
  test(`the object "${word}" of version 1 is decoded when it is read`, () => {
    assert.deepEqual(read({ ...head, access: { ...done, word } }), { accesses: [stored], unknown: [] });
  });

  test(`an access to "${word}" is stored decoded, with the version, and read back unchanged`, async () => {
    const text = (await recordsOf({ putAccesses: [stored] })).get(KEY)!;
    assert.deepEqual(decodeRecord(text), { version: 2, ...stored });
    assert.deepEqual(read(decodeRecord(text)), { accesses: [stored], unknown: [] });
  });

  test(`an access to "${word}" is refused if a part of its object has another form`, () => {
    for (const part of Object.keys(object)) {
      const access = { ...done, object: { ...object, [part]: {} } };
      assert.deepEqual(read({ version: 2, ...head, access }), { accesses: [], unknown: [KEY] }, part);
    }
  });
}

test('a program of version 1 keeps the program of the parent that ran it', () => {
  const run = { ...done, class: 'process', operations: ['execute'], parent: '/bin/sh' } as const;
  const { accesses } = read({ ...head, access: { ...run, word: '/bin/ls' } });
  assert.deepEqual(accesses, [{ ...head, access: { ...run, object: { kind: 'path', path: '/bin/ls' } } }]);
});

test('an access of another version, or of one with the form of another, is refused', () => {
  const object = { kind: 'path', path: '/etc/passwd' };
  for (const record of [
    { version: 3, ...head, access: { ...done, object } },
    { version: 3, ...head, access: { ...done, word: '/etc/passwd' } },
    { version: 2, ...head, access: { ...done, word: '/etc/passwd' } },
    { ...head, access: { ...done, object } },
    { version: 2, ...head, access: { ...done, object: '/etc/passwd' } },
    { version: 2, ...head, access: { ...done, object: { kind: 'dream' } } },
    { version: 2, ...head, access: { ...done, object: { ...TCP, direction: 'egress', port: 1, address: [1, 2, 3] } } },
  ])
    assert.deepEqual(read(record), { accesses: [], unknown: [KEY] }, JSON.stringify(record));
});
