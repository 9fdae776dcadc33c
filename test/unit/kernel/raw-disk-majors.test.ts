import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rawDiskMajors } from '../../../src/kernel/raw-disk-majors.js';

const DEVICES = `Character devices:
  1 mem
 21 sg
237 nvme-generic
238 nvme
248 bsg
249 bsg-of-another

Block devices:
  7 loop
`;

test('the numbers of character devices that reach disks are those that the kernel gave their drivers', () => {
  assert.deepEqual(rawDiskMajors(DEVICES), { bsg_major: 248, nvme_major: 238, nvme_generic_major: 237 });
});

test('a driver that the kernel lacks, or that has the number only for block devices, has none', () => {
  const devices = 'Character devices:\n  1 mem\n\nBlock devices:\n248 bsg\n';
  assert.deepEqual(rawDiskMajors(devices), { bsg_major: 0, nvme_major: 0, nvme_generic_major: 0 });
});
