import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { attachOne } from '../../../src/kernel/attaching.js';
import { loadSelected, type Selection } from '../../../src/kernel/loading.js';
import { retryPassing } from '../../../src/kernel/retry-passing.js';
import type { BpfLink } from '../../../src/native/bpf-object.js';
import { KernelError } from '../../../src/native/kernel-error.js';

const { EAGAIN, EINTR, EINVAL } = constants.errno;

/** Fails with these errors in turn, and then returns. */
function failing<Result>(errors: readonly number[], result: Result) {
  const left = [...errors];
  return () => {
    const errno = left.shift();
    if (errno !== undefined) throw new KernelError('refused', errno);
    return result;
  };
}

test('what fails for a passing reason is tried again after longer and longer pauses', () => {
  const pauses: number[] = [];
  const pause = (milliseconds: number) => pauses.push(milliseconds);
  assert.equal(retryPassing(failing([EAGAIN, EINTR, EAGAIN, EAGAIN], 'loaded'), pause), 'loaded');
  assert.deepEqual(pauses, [10, 50, 250, 1000]);
});

test('what fails again and again is given up with its cause, and what fails for good is not tried again', () => {
  const pauses: number[] = [];
  const pause = (milliseconds: number) => pauses.push(milliseconds);
  assert.throws(() => retryPassing(failing(Array(5).fill(EAGAIN), 'loaded'), pause), /^KernelError: refused: EAGAIN$/u);
  assert.equal(pauses.length, 4);
  assert.throws(() => retryPassing(failing([EINVAL], 'loaded'), pause), /EINVAL/u);
  assert.equal(pauses.length, 4);
});

test('programs that the kernel does not load for a passing reason are opened and loaded again', () => {
  const results = [-EAGAIN, -EAGAIN, 0];
  const objects: { closed: boolean }[] = [];
  const prepared: Selection[] = [];
  const open = (): Selection => {
    const object = { closed: false, load: () => results.shift()!, close: () => (object.closed = true) };
    objects.push(object);
    return { object: object as never, programs: [], missing: [], maps: {} as never };
  };
  const selection = loadSelected('object', (each) => prepared.push(each), open);
  assert.deepEqual(
    objects.map(({ closed }) => closed),
    [true, true, false],
  );
  assert.deepEqual([prepared.length, selection], [3, prepared[2]]);
});

test('a program that the kernel does not attach for a passing reason is attached again, and no other', () => {
  const link = {} as BpfLink;
  assert.equal(attachOne({ attach: failing([EAGAIN, EAGAIN], link) }), link);
  assert.match(String(attachOne({ attach: failing([EINVAL], link) })), /EINVAL/u);
});
