import { mkdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { checked } from '../../src/native/kernel-error.js';
import { mountFileSystem } from '../../src/native/libc.js';
import { toManifest } from '../../src/policy/manifest-text.js';
import type { Policy } from '../../src/policy/model.js';
import { Client } from '../../test/support/client.js';
import { Daemon } from '../../test/support/daemon.js';
import type { Recorder, Scope } from '../figures.js';
import { progress } from '../support/progress.js';
import { exactPath, missedPath, mixedPolicy } from '../support/rules.js';
import { median } from '../support/statistics.js';
import { Attachable, loadEmpty, takeEnforcement } from './hooks.js';
import { SYSTEM_CALLS, type SystemCall, SystemCalls } from './system-calls.js';

const FILE_RULES = 80;
const PROCESS_RULES = 20;
const LABELS = { app: 'bench' };
/** The directory of the rules; in memory, so that no time of a disk filesystem is included. */
const DIRECTORY = '/srv';
/** The path of the files that are used: of no rule, from which it differs only at its end. */
const PATH = missedPath(16);
/** A file that a rule names. */
const BLOCKED_PATH = exactPath(16);
/** How many calls one measurement makes. */
const CALLS: Readonly<Record<SystemCall, number>> = {
  open: 2000,
  fork: 20,
  exec: 10,
  connect: 100,
  unlink: 500,
  write: 2000,
  shell: 5,
};

const PLACES = ['outside', 'inside', 'profiled'] as const;
const SETTINGS = ['none', 'empty', 'enforcement'] as const;
type Setting = (typeof SETTINGS)[number];

/** The cost of system calls under the enforcement, compared with empty programs on the same hooks. */
export async function measureRatios({ quick }: Scope, record: Recorder): Promise<void> {
  mountMemory();
  const outside = await SystemCalls.start(PATH);
  const container = ['unshare', '-m', '-p', '-f', '--mount-proc'];
  const inside = await SystemCalls.start(PATH, container);
  const profiled = await SystemCalls.start(PATH, container);
  const processes = { outside, inside, profiled };
  const { sections, enforcement, verified } = await publishPolicy(inside, profiled);
  recordVerified(verified, record);
  const programs: Record<Setting, Attachable> = {
    none: new Attachable([]),
    empty: loadEmpty(sections),
    enforcement,
  };
  await checkThatItEnforces(enforcement, outside, inside);

  const samples = new Map<string, number[]>();
  const rounds = quick ? 3 : 31;
  progress(`ratios: ${rounds} interleaved rounds`);
  for (let round = 0; round < rounds; round++) {
    // The order is reversed each round, so that none always comes after the same other.
    for (const setting of round % 2 === 0 ? SETTINGS : SETTINGS.toReversed()) {
      programs[setting].attach();
      for (const place of PLACES) {
        const process = processes[place];
        for (const call of SYSTEM_CALLS) {
          // Not measured: attaching patches the kernel's code, which makes its next run slow.
          await process.time(call, Math.ceil(CALLS[call] / 5));
          const key = `${place} ${call} ${setting}`;
          samples.set(key, [...(samples.get(key) ?? []), await process.time(call, CALLS[call])]);
        }
      }
      programs[setting].detach();
    }
  }
  for (const [key, values] of samples) progress(`ratios: ${key}: ${median(values).toFixed(0)} ns`);
  // Round by round, so that other load on the machine affects both sides of a ratio.
  const compared = (key: string, other: string) => {
    const others = samples.get(other)!;
    return median(samples.get(key)!.map((value, round) => value / others[round]!));
  };
  const ratio = (place: (typeof PLACES)[number], call: SystemCall) =>
    compared(`${place} ${call} enforcement`, `${place} ${call} empty`);
  for (const call of ['open', 'fork', 'exec', 'shell'] as const)
    record(`vm_${call}_ratio_outside`, ratio('outside', call));
  for (const call of SYSTEM_CALLS) record(`vm_${call}_ratio_inside`, ratio('inside', call));
  for (const call of ['open', 'exec'] as const) {
    record(`vm_${call}_ratio_profiled`, compared(`profiled ${call} enforcement`, `inside ${call} enforcement`));
  }
  for (const process of Object.values(processes)) await process.end();
}

function mountMemory(): void {
  mkdirSync(DIRECTORY, { recursive: true });
  checked(`cannot mount ${DIRECTORY}`, mountFileSystem('tmpfs', DIRECTORY));
  mkdirSync(dirname(PATH), { recursive: true });
}

function policy(): Policy {
  const files = mixedPolicy('bench', FILE_RULES, LABELS);
  const processes = mixedPolicy('bench', PROCESS_RULES).rules.map((rule) => ({ ...rule, class: 'process' as const }));
  return { ...files, rules: [...files.rules, ...processes] };
}

/** Makes the daemon put containers under the policy, ends it and takes over the programs that it leaves attached. */
async function publishPolicy(inside: SystemCalls, profiled: SystemCalls) {
  progress('ratios: hauberkd loads its programs');
  const daemon = new Daemon();
  await daemon.start('--docker-socket', 'off');
  const client = new Client(daemon.address);
  for (const [id, { childNamespaces }] of Object.entries({ inside, profiled })) {
    const container = { id, labels: LABELS, namespaces: childNamespaces };
    await client.call('ContainerService', 'RegisterContainer', container);
  }
  await client.call('ProfileService', 'StartProfile', { name: 'bench', containerId: 'profiled' });
  const { changes } = await client.call('PolicyService', 'ApplyPolicy', { manifest: toManifest(policy()) });
  if (changes[0].containerIds.length !== 2) throw new Error('the policy does not reach the containers');
  client.close();
  await daemon.end('SIGTERM');
  return takeEnforcement(daemon.pinDirectory);
}

function recordVerified(verified: ReadonlyMap<string, number>, record: Recorder): void {
  for (const [name, instructions] of verified) progress(`verified: ${name}: ${instructions} instructions`);
  const counts = [...verified.values()];
  record(
    'vm_verified_instructions',
    counts.reduce((sum, count) => sum + count, 0),
  );
  record('vm_verified_instructions_most', Math.max(...counts));
}

async function checkThatItEnforces(enforcement: Attachable, outside: SystemCalls, inside: SystemCalls): Promise<void> {
  writeFileSync(BLOCKED_PATH, '');
  const expect = async (place: SystemCalls, errno: number, when: string) => {
    const found = await place.read(BLOCKED_PATH);
    if (found !== errno) throw new Error(`${when}: reading ${BLOCKED_PATH} gives errno ${found}, not ${errno}`);
  };
  await expect(inside, 0, 'inside, detached');
  enforcement.attach();
  await expect(inside, constants.errno.EACCES, 'inside, attached');
  await expect(outside, 0, 'outside, attached');
  enforcement.detach();
}
