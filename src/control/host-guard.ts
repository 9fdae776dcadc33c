import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Access } from '../explain/access.js';
import { type Explanation, explainInSteps } from '../explain/evaluate.js';
import { Failure } from '../failure.js';
import { CAPABILITIES } from '../policy/capability.js';
import type { Operation } from '../policy/effect.js';
import { type BoundRule, type Postures, policyKey } from '../policy/model.js';
import { ADDRESS_FAMILIES, SOCKET_TYPES } from '../policy/network.js';
import { finish, isStep, type Steps } from '../steps.js';
import { finishInTimeSlices } from '../time-slices.js';
import { type HostNeed, hostNeeds } from './host-needs.js';

/** Programs without which a host cannot be reached or administered, by the names of their processes. */
const GUARDED_NAMES = /^(?:sshd|dockerd|containerd|containerd-shim.*|runc|crun|conmon|crio|podman|kubelet)$/u;
/** All but these start containers, whose first process may be a copy of its runtime in a memory file. */
const NO_RUNTIMES: readonly string[] = ['sshd', 'hauberkd', 'process 1'];
const PROBLEMS_MAX = 10;

/** A process that policies for the host must not stop. */
export interface GuardedProcess {
  readonly name: string;
  readonly program: string;
  /** Files that it has mapped: without them it would not start again. */
  readonly files: readonly string[];
  readonly capabilities: readonly string[];
}

/** The daemon itself, process 1, and what runs here of those a host needs. */
export function guardedProcesses(): GuardedProcess[] {
  return finish(guardedProcessesInSteps());
}

function* guardedProcessesInSteps(): Steps<GuardedProcess[]> {
  const found = new Map<string, GuardedProcess>();
  for (const [place, pid] of readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .entries()) {
    if (isStep(place)) yield;
    const name = nameOf(pid);
    if (name === undefined) continue;
    const guarded = read(pid, name);
    if (guarded !== undefined && !found.has(guarded.program)) found.set(guarded.program, guarded);
  }
  return [...found.values()];
}

/** What policies for the host must leave alone. */
export interface HostNeeds {
  /** What runs and must continue. */
  readonly guarded: readonly GuardedProcess[];
  /** What else the host needs. */
  readonly needs: Iterable<HostNeed>;
}

/**
 * Other work can run in between. @param root where the host's files are seen: empty, or `/proc/1/root` from inside a
 * container
 */
export async function lookAtHost(root: string): Promise<HostNeeds> {
  const guarded = await finishInTimeSlices(guardedProcessesInSteps());
  const programs = guarded.map(({ program }) => program);
  return { guarded, needs: hostNeeds(programs, root) };
}

/** Whether it is a process that policies for the host must not stop. */
export function isGuarded(pid: number): boolean {
  return nameOf(String(pid)) !== undefined;
}

function nameOf(pid: string): string | undefined {
  if (pid === String(process.pid)) return 'hauberkd';
  if (pid === '1') return 'process 1';
  try {
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    return GUARDED_NAMES.test(name) ? name : undefined;
  } catch {
    // It ended while it was looked at.
    return undefined;
  }
}

function read(pid: string, name: string): GuardedProcess | undefined {
  try {
    const maps = readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/ (\/\S+)$/gmu);
    const effective = /^CapEff:\s*([0-9a-f]+)$/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
    const mask = BigInt(`0x${effective}`);
    return {
      name,
      program: readlinkSync(`/proc/${pid}/exe`),
      files: [...new Set(Array.from(maps, ([, path]) => path!))],
      capabilities: CAPABILITIES.filter((_, number) => (mask >> BigInt(number)) & 1n),
    };
  } catch {
    return undefined;
  }
}

/**
 * @param rules those that would decide for the host
 * @throws Failure failed-precondition when they would stop what the host cannot do without
 */
export async function requireUnharmed(
  rules: readonly BoundRule[],
  postures: Postures,
  findNeeds: () => HostNeeds | Promise<HostNeeds>,
): Promise<void> {
  if (rules.every(({ policy }) => policy.mode === 'audit')) return;
  const { guarded, needs } = await findNeeds();
  const problems = await finishInTimeSlices(whatWouldStop(guarded, needs, rules, postures));
  if (problems.length === 0) return;
  const advice = 'to apply it all the same, force it; hauberkd --rescue starts without policies for the host';
  throw new Failure('failed-precondition', `the host would be harmed:\n- ${problems.join('\n- ')}\n${advice}`);
}

/**
 * What the rules would keep the guarded processes, and logins, from, in sentences; empty when they leave them alone.
 *
 * @param needs what else is needed, and of which program
 */
export function* whatWouldStop(
  guarded: readonly GuardedProcess[],
  needs: Iterable<HostNeed>,
  rules: readonly BoundRule[],
  postures: Postures,
): Steps<string[]> {
  const problems: string[] = [];
  for (const { access, what } of accessesOf(guarded, needs)) {
    const explanation = yield* explainInSteps(rules, postures, access);
    if (explanation.action === 'Block') problems.push(`${what}: ${deciderOf(explanation)}`);
    if (problems.length >= PROBLEMS_MAX) break;
  }
  return problems;
}

interface NeededAccess {
  readonly access: Access;
  /** As text: who could not do what. */
  readonly what: string;
}

function* accessesOf(guarded: readonly GuardedProcess[], needs: Iterable<HostNeed>): Generator<NeededAccess> {
  for (const each of guarded)
    for (const { access, what } of needsOf(each, guarded)) yield { access, what: `${each.name} could not ${what}` };
  for (const { program, operation, path } of needs)
    yield {
      access: accessBy(program, operation, { kind: 'path', path: Buffer.from(path) }),
      what: `${program} could not ${operation} ${path}`,
    };
}

function accessBy(program: string, operation: Operation, object: Access['object']): Access {
  return { operation, object, program: Buffer.from(program), ownership: 'owner', terminal: false, arguments: [] };
}

function* needsOf(
  { name, program, files, capabilities }: GuardedProcess,
  guarded: readonly GuardedProcess[],
): Generator<NeededAccess> {
  const by = (operation: Operation, object: Access['object'], actor = program) => accessBy(actor, operation, object);
  const path = (text: string) => ({ kind: 'path', path: Buffer.from(text) }) as const;
  for (const actor of new Set(guarded.map((each) => each.program)))
    yield { access: by('execute', path(program), actor), what: `be run by ${actor}` };
  for (const file of files) {
    yield { access: by('read', path(file)), what: `read ${file}` };
    yield { access: by('map', path(file)), what: `map ${file}` };
  }
  for (const family of ['unix', 'inet', 'inet6', 'netlink'] as const) {
    const { stream, raw } = SOCKET_TYPES;
    const use = {
      family: ADDRESS_FAMILIES[family],
      type: family === 'netlink' ? raw : stream,
      protocol: 0,
      direction: 'none',
      port: 0,
      address: [],
    } as const;
    yield { access: by('communicate', { kind: 'socket', ...use }), what: `use a socket of family ${family}` };
  }
  for (const capability of capabilities)
    yield { access: by('use', { kind: 'capability', capability }), what: `use the capability ${capability}` };
  const presets = ['anonymousMapExec', 'protectProc', 'hardened'] as const;
  for (const preset of NO_RUNTIMES.includes(name) ? presets : [...presets, 'filelessExec' as const])
    yield { access: by('behave', { kind: 'behaviour', presets: [preset] }), what: `do what ${preset} forbids` };
  for (const type of ['proc', 'sysfs', 'cgroup2', 'bpf', 'tmpfs', 'ext4', 'xfs', 'btrfs', 'overlay'])
    yield { access: by('access', { kind: 'filesystem', type, path: Buffer.from('/') }), what: `open files on ${type}` };
}

function deciderOf({ decider }: Explanation): string {
  if (decider === undefined) return 'no rule';
  if ('postureOf' in decider)
    return `no rule of class ${decider.postureOf} allows it, and the default posture is block`;
  return `policy ${policyKey(decider.policy)}, ${decider.rule.id}`;
}
