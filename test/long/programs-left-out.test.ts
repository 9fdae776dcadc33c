import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hostNamespaces } from '../../src/containers/procfs.js';
import { Failure } from '../../src/failure.js';
import { type AttachedPrograms, attachPrograms } from '../../src/kernel/programs.js';
import { BrokenObject } from '../support/broken-object.js';

const directory = mkdtempSync(join(tmpdir(), 'hauberk-broken-'));
const PINS = '/sys/fs/bpf/hauberk-missing';
const host = hostNamespaces();
const broken = new BrokenObject()
  .refuse('hauberk_socket_create')
  .only('socket_create', 'sock_graft', 'path_chmod')
  .write(join(directory, 'broken.o'));
let programs: AttachedPrograms | undefined;

after(() => {
  programs?.detach();
  rmSync(directory, { recursive: true });
});

test('programs that the kernel refuses are left out with the reason, and the others are attached', () => {
  programs = attachPrograms(broken, PINS, host);
  const missing = new Map(programs.missing.map((each) => [each.program, each]));
  assert.deepEqual(missing.get('hauberk_path_chown'), {
    program: 'hauberk_path_chown',
    hook: 'path_chow0',
    cause: 'absent',
    reason: 'this kernel has no hook path_chow0',
  });
  const { hook, cause, reason } = missing.get('hauberk_socket_create')!;
  assert.deepEqual([hook, cause], ['socket_create', 'not_loaded']);
  assert.match(reason, /^the kernel's verifier refuses the program:\n.*r0 = \*\(u64 \*\)\(r0 \+0\)/su);
  const attached = [
    ...['bprm_check', 'exec_arguments', 'bprm_committed', 'task_alloc', 'sock_graft', 'path_chmod'],
    // At the same hook, for Hauberk's own files.
    'self_mode',
  ];
  assert.deepEqual([...programs.links.keys()].sort(), attached.map((name) => `hauberk_${name}`).sort());
  assert.equal(programs.adopted, false);
});

test('the next daemon takes over the programs and knows which were left out', () => {
  const next = attachPrograms(broken, PINS, host);
  assert.equal(next.adopted, true);
  assert.deepEqual(next.missing, programs!.missing);
});

test('with --require-hooks an attach fails with the missing hooks, and the enforcement continues', () => {
  const { message } = refusal(() => attachPrograms(broken, PINS, host, { requireHooks: true }));
  assert.match(message, /--require-hooks/u);
  assert.match(message, /hook socket_create is missing.*r0 = \*\(u64 \*\)\(r0 \+0\)/su);
  assert.match(message, /hook path_chow0 is missing, so nothing decides about changes of owner \(file: attributes\)/u);
  assert.equal(attachPrograms(broken, PINS, host).adopted, true);
});

test('with --require-hooks and no enforcement before, nothing is attached', () => {
  const pins = `${PINS}-required`;
  refusal(() => attachPrograms(broken, pins, host, { requireHooks: true }));
  assert.deepEqual(readdirSync(join(pins, 'programs')), []);
  rmSync(pins, { recursive: true });
});

test('without an essential program nothing is attached, and the enforcement continues', () => {
  const essential = new BrokenObject().refuse('hauberk_bprm_check').write(join(directory, 'essential.o'));
  const { message } = refusal(() => attachPrograms(essential, PINS, host));
  assert.match(message, /nothing can be enforced without the program hauberk_bprm_check at hook bprm_check_security/u);
  assert.match(message, /r0 = \*\(u64 \*\)\(r0 \+0\)/u);
  assert.equal(readdirSync(join(PINS, 'programs')).length, 1);
  assert.equal(attachPrograms(broken, PINS, host).adopted, true);
});

test('nothing is left behind', () => {
  programs!.detach();
  programs = undefined;
  assert.equal(existsSync(PINS), false);
});

function refusal(attach: () => unknown): Failure {
  try {
    attach();
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    return error;
  }
  assert.fail('nothing was refused');
}
