import { CAPABILITIES, type Capability } from '../policy/capability.js';
import {
  type Action,
  type CallMatch,
  type Match,
  MOUNT_OPERATIONS,
  type NameMatch,
  type PathMatch,
  type Preset,
  TRACE_OPERATIONS,
} from '../policy/model.js';
import { CALL_POINTS, callNumbers, pathPoint } from '../policy/system-calls.js';
import { digits, oneDigit, ZERO } from './key-digits.js';
import type { NondeterministicAutomaton } from './nondeterministic.js';
import { addPath } from './paths.js';
import { addNetwork } from './socket-keys.js';

/**
 * Accesses without a path are encoded as object keys for the same automaton; the kernel writes them, see
 * bpf/include/object_key.h, and read-object-key.ts decodes what it reports. An object key starts with a letter, a path
 * with a slash, so they never collide. Numbers are written as key-digits.ts describes, so that no byte is NUL.
 *
 * A capability is `c` and its number (2 digits). A file by its filesystem is `fa`, the type's name and the path. A
 * mount is `m`, whether it is made (`a`) or removed (`b`), the type's name, which may be empty, and the path. A process
 * that is traced is `t`, read (`a`) or attached to (`b`), and the path of its program. A user namespace is `ua`. What
 * presets forbid is `p`, a letter for what it is (see addPreset) and a path. An argument of a program is `a`, the number
 * of the rule that looks at it (8) and the argument. A program by the name that it is called is `b`, that name and the path.
 * A question for a name is `q` and the name.
 *
 * A library that a loader brings is `la` and its path.
 *
 * A system call is `s`, where the kernel checks it (see CALL_POINTS), its number (4 digits) and, unless it is checked
 * on entry, the path it was given.
 *
 * What is decided about object keys that end in a path guards the directories of that path: `g` and the path, which
 * only guards.ts looks at.
 *
 * Sockets and DNS names: see socket-keys.ts.
 */
export const ARGUMENT_RULE_DIGITS = 8;
export const GUARD_PREFIX = 'g';
export const LIBRARY = Buffer.from('la');

/** What is matched by an object key: anything but a path. */
export type ObjectKeyMatch = Exclude<Match, PathMatch | NameMatch>;

export function addObjectKey(
  automaton: NondeterministicAutomaton,
  match: ObjectKeyMatch,
  action: Action,
  mark: number,
): void {
  const { start } = automaton;
  switch (match.kind) {
    case 'capability':
      addCapability(automaton, match.capability, mark);
      break;
    case 'filesystem':
      automaton.markAll(automaton.literal(start, Buffer.from(`fa${match.type}/`)), mark);
      break;
    case 'mount': {
      const made = addOperation(automaton, 'm', MOUNT_OPERATIONS, match.operation);
      const typed =
        match.type === undefined ? automaton.run(made, false) : automaton.literal(made, Buffer.from(match.type));
      addTarget(automaton, typed, match.target, mark);
      break;
    }
    case 'trace':
      addTarget(automaton, addOperation(automaton, 't', TRACE_OPERATIONS, match.operation), match.target, mark);
      break;
    case 'namespace':
      automaton.addMark(automaton.literal(start, Buffer.from('ua')), mark);
      break;
    case 'preset':
      addPreset(automaton, match.preset, mark);
      break;
    case 'call':
      addCalls(automaton, match, mark);
      break;
    case 'protocol':
    case 'family':
    case 'endpoint':
    case 'domain':
      addNetwork(automaton, match, action, mark);
      break;
    default:
      match satisfies never;
  }
}

/** The arguments that the rule with this number allows a program. */
export function addArguments(
  automaton: NondeterministicAutomaton,
  rule: number,
  allowed: readonly string[],
  mark: number,
): void {
  for (const argument of allowed) {
    const key = Buffer.from(`a${digits(rule, ARGUMENT_RULE_DIGITS)}${argument}`);
    automaton.addMark(automaton.literal(automaton.start, key), mark);
  }
}

/** A program that is run under a name. */
export function addCalled(automaton: NondeterministicAutomaton, name: string, path: string, mark: number): void {
  automaton.addMark(automaton.literal(automaton.start, Buffer.from(`b${name}${path}`)), mark);
}

/** Libraries that loaders may bring. */
export function addLibraries(automaton: NondeterministicAutomaton, places: readonly PathMatch[], mark: number): void {
  for (const place of places) addPath(automaton, automaton.literal(automaton.start, LIBRARY), place, mark);
}

/** The paths that a rule covers in object keys that do not start with a path. */
export function addGuarded(automaton: NondeterministicAutomaton, match: Match, mark: number): void {
  const from = () => automaton.literal(automaton.start, Buffer.from(GUARD_PREFIX));
  switch (match.kind) {
    case 'preset':
      if (match.preset === 'filelessExec')
        automaton.markAll(automaton.literal(from(), Buffer.from(SHARED_MEMORY)), mark);
      else for (const place of match.except ?? []) addPath(automaton, from(), place, mark);
      break;
    case 'mount':
    case 'trace':
      if (match.target !== undefined) addPath(automaton, from(), match.target, mark);
      break;
    // These are guarded by their own paths, have none, or are only reported.
    case 'exact':
    case 'directory':
    case 'pattern':
    case 'name':
    case 'protocol':
    case 'family':
    case 'endpoint':
    case 'domain':
    case 'capability':
    case 'filesystem':
    case 'namespace':
    case 'call':
      break;
    default:
      match satisfies never;
  }
}

/** What a matching rule excepts. */
export function addExceptions(automaton: NondeterministicAutomaton, match: Match, mark: number): void {
  if (match.kind !== 'preset') return;
  for (const place of match.except ?? [])
    addPath(automaton, automaton.literal(automaton.start, Buffer.from(DRIFT_ELSEWHERE)), place, mark);
}

/** An object key that ends with the number is one key: a rule without a path does not cover the paths of a call again. */
function addCalls(automaton: NondeterministicAutomaton, { calls, target }: CallMatch, mark: number): void {
  for (const call of calls) {
    const point = digits(CALL_POINTS.indexOf(target === undefined ? 'entry' : pathPoint(call)), 1);
    for (const number of callNumbers(call)) {
      const end = automaton.literal(automaton.start, Buffer.from(`s${point}${digits(number, 4)}`));
      if (target === undefined) automaton.addMark(end, mark);
      else addPath(automaton, end, target, mark);
    }
  }
}

/** Adds the digit of an operation, or any of these digits. */
function addOperation<Name>(
  automaton: NondeterministicAutomaton,
  subject: string,
  names: readonly Name[],
  chosen: Name | undefined,
): number {
  const from = automaton.literal(automaton.start, Buffer.from(subject));
  const low = chosen === undefined ? 0 : names.indexOf(chosen);
  const high = chosen === undefined ? names.length - 1 : low;
  return oneDigit(automaton, from, { low: ZERO + low, high: ZERO + high });
}

function addTarget(
  automaton: NondeterministicAutomaton,
  from: number,
  target: PathMatch | undefined,
  mark: number,
): void {
  if (target === undefined) automaton.markAll(from, mark);
  else addPath(automaton, from, target, mark);
}

/**
 * Executable memory of no file is `pa`. A program is `pb` and then `a` and its path or, where no name leads to it any
 * more, `b`. An entry of another process in /proc is `pc`, `e` for its environment or `a`, and the path. A program run in
 * a container from outside is `pd` and its path. What is the host's is `pe` and a device's path, the path of the program of one of
 * its processes, or the object key of a capability. What is executed and did not come with the image is `pf` and then `a` and its
 * path where it is in the upper layer of the root, `b` and its path where it is on another filesystem or, where no path
 * leads to it, `c`.
 */
function addPreset(automaton: NondeterministicAutomaton, preset: Preset, mark: number): void {
  for (const start of PRESET_KEYS[preset])
    automaton.markAll(automaton.literal(automaton.start, Buffer.from(start)), mark);
}

/** Where a file counts as one in memory. */
const SHARED_MEMORY = '/dev/shm/';

const PRESET_KEYS: Readonly<Record<Preset, readonly string[]>> = {
  anonymousMapExec: ['pa'],
  filelessExec: [`pba${SHARED_MEMORY}`, 'pbb'],
  protectEnv: ['pce'],
  protectProc: ['pc'],
  exec: ['pd'],
  hardened: ['pe'],
  drift: ['pf'],
};
const DRIFT_ELSEWHERE = 'pfb';

function addCapability(automaton: NondeterministicAutomaton, capability: Capability, mark: number): void {
  const key = `c${digits(CAPABILITIES.indexOf(capability), 2)}`;
  automaton.addMark(automaton.literal(automaton.start, Buffer.from(key)), mark);
}
