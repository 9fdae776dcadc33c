import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Findings, idOf } from '../../../src/control/findings.js';
import type { Holding } from '../../../src/kernel/holdings.js';
import { HELD_FILE } from '../../support/memory-holdings.js';

test('an open file is counted once for all its processes, and another of the same name separately', () => {
  assert.equal(idOf({ ...HELD_FILE, hostPid: 78 }), idOf(HELD_FILE));
  assert.notEqual(idOf({ ...HELD_FILE, file: 6n }), idOf(HELD_FILE));
});

test('a mapped file is counted once for each process', () => {
  const mapped: Holding = { ...HELD_FILE, kind: 'mapping' };
  assert.equal(idOf({ ...mapped, file: 6n }), idOf(mapped));
  assert.notEqual(idOf({ ...mapped, hostPid: 78 }), idOf(mapped));
});

test('files that different containers hold are counted separately', () => {
  const container = { ...HELD_FILE.container, pidNamespace: 4026530003 };
  for (const kind of ['descriptor', 'mapping'] as const)
    assert.notEqual(idOf({ ...HELD_FILE, kind, container }), idOf({ ...HELD_FILE, kind }));
});

test('twenty findings of each kind are named, and all are counted once', () => {
  const findings = new Findings();
  const by = undefined;
  for (let number = 1; number <= 25; number++) {
    const file = BigInt(number);
    assert.equal(findings.add({ ...HELD_FILE, file, by }), true);
    assert.equal(findings.add({ ...HELD_FILE, file, by }), false);
    assert.equal(findings.add({ ...HELD_FILE, kind: 'mapping', path: `/lib/${number}`, by }), true);
    assert.equal(findings.add({ ...HELD_FILE, kind: 'mapping', path: `/lib/${number}`, by }), false);
  }
  const { descriptors, mappings, files } = findings;
  assert.deepEqual([descriptors.count, mappings.count, files.size], [25, 25, 25]);
  assert.deepEqual([descriptors.named.length, mappings.named.length], [20, 20]);
  const { hostPid: pid, program, path } = HELD_FILE;
  assert.deepEqual(descriptors.named[0], { kind: 'descriptor', pid, program, path, by });
  // Another process holds the same file.
  assert.equal(findings.add({ ...HELD_FILE, file: 1n, hostPid: 78, by }), true);
  assert.deepEqual([descriptors.count, files.size], [26, 25]);
});

test('a ring is reported once, without files', () => {
  const findings = new Findings();
  const ring = { ...HELD_FILE, kind: 'ring', by: undefined } as const;
  assert.deepEqual(
    [findings.hasRing, findings.add(ring), findings.add(ring), findings.hasRing],
    [false, true, false, true],
  );
  assert.deepEqual([findings.descriptors.count, findings.mappings.count, findings.files.size], [0, 0, 0]);
});

test('at most 16,384 findings are counted', () => {
  const findings = new Findings();
  for (let number = 1; number <= 16_384; number++) findings.add({ ...HELD_FILE, file: BigInt(number), by: undefined });
  assert.equal(findings.add({ ...HELD_FILE, file: 16_385n, by: undefined }), false);
  assert.deepEqual([findings.descriptors.count, findings.files.size], [16_384, 16_384]);
});
