import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { HookCoverage } from '../../../src/control/hook-coverage.js';
import { HOOK_USES } from '../../../src/kernel/hook-uses.js';
import {
  describeMissing,
  explainMissing,
  type MissingHook,
  whatIsNotInForce,
} from '../../../src/kernel/missing-hooks.js';
import { rememberedMissing, rememberMissing } from '../../../src/kernel/missing-programs.js';
import { isTested } from '../../../src/kernel/tested-kernels.js';
import { lastLinesOf } from '../../../src/kernel/verifier-log.js';
import { readManifest } from '../../../src/policy/manifest.js';

const missing = (program: string): MissingHook => ({
  program: `hauberk_${program}`,
  hook: program,
  cause: 'not_loaded',
  reason: "the kernel's verifier refuses the program:\n3: (79) r0 = *(u64 *)(r0 +0)\nR0 invalid mem access 'inv'",
});

/** Programs for which a policy with this rule gets a warning if they are missing. */
function warnedOf(rule: string, action = 'Block'): string[] {
  const text = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: one}
spec: {selector: {matchLabels: {app: web}}, ${rule}, action: ${action}}`;
  const { policy } = readManifest(text, { now: 0 })[0]!;
  const programs = Object.keys(HOOK_USES).map((name) => name.replace('hauberk_', ''));
  return programs.filter((program) => new HookCoverage([missing(program)]).warningsFor(policy).length > 0);
}

const CASES: readonly (readonly [rule: string, needs: string, action?: string])[] = [
  ['process: {matchPaths: [{path: /bin/a}]}', 'bprm_check program_link program_rename mmap_file file_mprotect'],
  [
    'process: {matchPaths: [{path: /bin/a, allowedArgs: [x]}]}',
    'bprm_check exec_arguments program_link program_rename mmap_file file_mprotect',
  ],
  ['file: {matchPaths: [{path: /a, operations: [delete]}]}', 'path_unlink path_rmdir'],
  ['process: {matchPaths: [{path: /bin/a}]}', 'bprm_check', 'Audit'],
  ['file: {matchPaths: [{path: /a, operations: [map]}]}', 'mmap_file file_mprotect'],
  [
    'network: {matchEndpoints: [{ports: 80, direction: egress}]}',
    'socket_create socket_connect socket_sendmsg ancillary socket_setsockopt sctp_bind_connect',
  ],
  [
    'network: {matchDNSQueries: [{domain: a.example}]}',
    'socket_connect socket_sendmsg ancillary socket_setsockopt sctp_bind_connect question answer',
  ],
  ['capabilities: {matchCapabilities: [{capability: net_raw}]}', 'capable'],
  ['filesystems: {matchTypes: [{type: tmpfs}]}', 'bprm_check file_open file_receive'],
  ['mounts: {matchMounts: [{operation: unmount}]}', 'sb_umount'],
  ['ptrace: {matchProcesses: [{path: /bin/a, operation: read}]}', 'ptrace_access_check'],
  ['namespaces: {matchNamespaces: [{namespace: user}]}', 'userns_create'],
  ['syscalls: {matchSyscalls: [{syscall: [mkdir]}]}', 'sys_enter', 'Audit'],
  [
    'syscalls: {matchPaths: [{syscall: [chown, unlink], path: /a}]}',
    'path_unlink path_rmdir path_chmod path_chown',
    'Audit',
  ],
];

for (const [rule, needs, action] of CASES) {
  test(`a policy with ${rule} gets a warning for missing ${needs}`, () => {
    assert.deepEqual(warnedOf(rule, action), needs.split(' '));
  });
}

test('an allowed file brings the posture into force for all operations on files', () => {
  assert.deepEqual(
    warnedOf('file: {matchPaths: [{path: /a, operations: [read]}]}', 'Allow'),
    warnedOf('file: {matchPaths: [{path: /a}]}'),
  );
});

test('a missing hook is reported with what is not covered, and with the reason if there is room', () => {
  const line = 'hook path_chown is missing, so nothing decides about changes of owner (file: attributes)';
  assert.equal(describeMissing(missing('path_chown')), line);
  assert.equal(explainMissing(missing('path_chown')), `${line}; ${missing('path_chown').reason}`);
});

test('a missing program that only finds something is reported with what it is for, and no list is empty', () => {
  assert.equal(
    describeMissing({ ...missing('find_rings'), hook: 'task_file' }),
    'program hauberk_find_rings is missing, which is for finding io_uring rings (file: read, write)',
  );
  const unknown = missing('of_another_build');
  const line = 'hook of_another_build is missing, so nothing decides about hauberk_of_another_build';
  assert.equal(describeMissing(unknown), line);
  assert.deepEqual(whatIsNotInForce(unknown), [{ class: 'hauberk', operation: 'hauberk_of_another_build' }]);
});

test('policies get a warning for the missing programs that find what their rules are about', () => {
  const finders = (rule: string) => warnedOf(rule).filter((program) => /^(?:find|mark)_/u.test(program));
  const searches = ['find_descriptors', 'find_rings', 'find_mappings'];
  assert.deepEqual(finders('file: {matchPaths: [{path: /a, operations: [read]}]}'), searches);
  assert.deepEqual(finders('network: {matchEndpoints: [{ports: 80, direction: ingress}]}'), ['mark_listeners']);
  assert.deepEqual(finders('presets: [{name: drift}]'), ['find_layer']);
});

test("the end of the verifier's log is kept", () => {
  const log = `${Array.from({ length: 5000 }, (_, index) => `${index}: (b7) r1 = 0`).join('\n')}\nR1 is bad\nprocessed 5000 insns\n`;
  const lines = lastLinesOf(log).split('\n');
  assert.deepEqual(lines.slice(-3), ['4999: (b7) r1 = 0', 'R1 is bad', 'processed 5000 insns']);
  assert.equal(lines.length, 24);
  assert.equal(lastLinesOf('x'.repeat(9000)).length, 1700);
  assert.equal(lastLinesOf(''), '');
});

test('missing programs are remembered beside the pins, and foreign files there are ignored', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-left-out-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const longest = { ...missing('file_open'), reason: '"\n'.repeat(850) };
  for (const each of [missing('path_chown'), longest]) rememberMissing(directory, each);
  symlinkSync('nonsense', join(directory, 'hauberk_capable_missing'));
  assert.deepEqual([...rememberedMissing(directory).values()], [longest, missing('path_chown')]);
  assert.equal(rememberedMissing(join(directory, 'nowhere')).size, 0);
});

test('kernels of tested series are recognised', () => {
  for (const release of ['6.1.0-56-amd64', '6.12.9', '7.3.4+deb13']) assert.equal(isTested(release), true, release);
  for (const release of ['5.14.0-427.el9', '6.10.1', '6.120.0', '7.30', 'unknown'])
    assert.equal(isTested(release), false, release);
});
