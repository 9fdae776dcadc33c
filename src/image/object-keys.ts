import { parseAddressBlock } from '../policy/address.js';
import { CAPABILITIES, type Capability } from '../policy/capability.js';
import { BELOW } from '../policy/domain.js';
import {
  type Action,
  type CallMatch,
  type DomainMatch,
  type EndpointMatch,
  type Match,
  MOUNT_OPERATIONS,
  type NameMatch,
  type NetworkMatch,
  type PathMatch,
  type Preset,
  TRACE_OPERATIONS,
} from '../policy/model.js';
import {
  ADDRESS_FAMILIES,
  type AddressBlock,
  ANY_ENDPOINT,
  DIRECTIONS,
  PORT_MAX,
  type PortRange,
  PROTOCOLS,
  parsePorts,
  RAW_SOCKETS,
  type SocketSet,
} from '../policy/network.js';
import { CALL_POINTS, callNumbers, pathPoint } from '../policy/system-calls.js';
import type { Range } from './characters.js';
import type { NondeterministicAutomaton } from './nondeterministic.js';
import { addPath } from './paths.js';

/**
 * Accesses without a path are encoded as object keys for the same automaton; the kernel writes them, see
 * bpf/include/object_key.h. An object key starts with a letter, a path with a slash, so they never collide. Numbers are
 * written in base 16 with the digits `a` for 0 to `p` for 15, the highest first, so that a range of numbers is a few
 * ranges of digits and no byte is NUL.
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
 * A socket is `n`, address family (2), type (1), protocol (4) and direction (1), port (4), kind of address (1), address
 * (32, an IPv4 address in the first 8) and, where an answer gave that address, the name that was requested. What is not
 * known is written as zeros. A DNS name is its labels from the last to the first, each behind a dot:
 * `.com.example.www`.
 */
const ZERO = 0x61;
export const ARGUMENT_RULE_DIGITS = 8;
export const GUARD_PREFIX = 'g';
export const LIBRARY = Buffer.from('la');
const ANY_DIGIT: Range = { low: ZERO, high: ZERO + 15 };

const DIRECTION = { none: 'a', egress: 'b', ingress: 'c' } as const;
const ADDRESS_UNKNOWN = 'a';
const ADDRESS_DIGITS = 32;
const DOT = Buffer.from('.');
const QUESTION_PORT = 53;
const ADDRESS_KINDS: ReadonlyMap<number, string> = new Map([
  [4, 'b'],
  [16, 'c'],
]);

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
      markAll(automaton, automaton.literal(start, Buffer.from(`fa${match.type}/`)), mark);
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

/** The arguments that a rule, of this number, lets a program be run with. */
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

/** Questions for the names of a domain, of which a match may be one. */
export function addQuestions(automaton: NondeterministicAutomaton, match: Match, mark: number): void {
  if (match.kind !== 'domain' || match.asking) return;
  addNames(automaton, automaton.literal(automaton.start, Buffer.from('q')), match, mark);
}

/** The paths that a rule covers in object keys that do not start with a path. */
export function addGuarded(automaton: NondeterministicAutomaton, match: Match, mark: number): void {
  const from = () => automaton.literal(automaton.start, Buffer.from(GUARD_PREFIX));
  if (match.kind === 'preset' && match.preset === 'filelessExec') {
    markAll(automaton, automaton.literal(from(), Buffer.from(SHARED_MEMORY)), mark);
  } else if (match.kind === 'preset') {
    for (const place of match.except ?? []) addPath(automaton, from(), place, mark);
  } else if ((match.kind === 'mount' || match.kind === 'trace') && match.target !== undefined) {
    addPath(automaton, from(), match.target, mark);
  }
}

/** What a rule that matches would cover, but excepts. */
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

/** The digit of one of several operations, or of any. */
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
  if (target === undefined) markAll(automaton, from, mark);
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
    markAll(automaton, automaton.literal(automaton.start, Buffer.from(start)), mark);
}

/** Where a file is as good as one in memory. */
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

function addNetwork(automaton: NondeterministicAutomaton, match: NetworkMatch, action: Action, mark: number): void {
  if (match.kind === 'domain') {
    addDomain(automaton, match, mark);
    return;
  }
  const ends = socketSets(match).flatMap((set) => addSockets(automaton, set));
  for (const end of new Set(ends)) {
    if (match.kind === 'endpoint' && !match.raw) addEndpoint(automaton, end, match, action, mark);
    else markAll(automaton, end, mark);
  }
}

function socketSets(match: Exclude<NetworkMatch, DomainMatch>): readonly SocketSet[] {
  switch (match.kind) {
    case 'protocol':
      return PROTOCOLS[match.protocol];
    case 'family':
      return [{ families: [ADDRESS_FAMILIES[match.family]] }];
    case 'endpoint':
      if (match.raw) return RAW_SOCKETS;
      return match.protocol === undefined ? ANY_ENDPOINT : PROTOCOLS[match.protocol];
  }
}

/** The nodes that object keys of these sockets have reached before their direction. */
function addSockets(automaton: NondeterministicAutomaton, { families, types, protocols }: SocketSet): number[] {
  let nodes = [automaton.literal(automaton.start, Buffer.from('n'))];
  for (const [values, count] of [
    [families, 2],
    [types, 1],
    [protocols, 4],
  ] as const) {
    nodes = nodes.flatMap((node) =>
      values === undefined
        ? [anyDigits(automaton, node, count)]
        : values.map((value) => automaton.literal(node, Buffer.from(digits(value, count)))),
    );
  }
  return nodes;
}

/**
 * An endpoint. What is to be allowed must also get as far as its address: an Allow rule lets the socket be made, and the
 * port be bound and listened on, before the other end is known.
 */
function addEndpoint(
  automaton: NondeterministicAutomaton,
  from: number,
  { cidr, ports, direction }: EndpointMatch,
  action: Action,
  mark: number,
): void {
  const block = cidr === undefined ? undefined : (parseAddressBlock(cidr) as AddressBlock);
  const range = ports === undefined ? { low: 0, high: PORT_MAX } : parsePorts(ports)!;
  const allow = (node: number, then: string) => {
    if (action === 'Allow') markAll(automaton, automaton.literal(node, Buffer.from(then)), mark);
  };
  allow(from, DIRECTION.none);
  for (const each of direction === undefined ? DIRECTIONS : [direction]) {
    const start = automaton.literal(from, Buffer.from(DIRECTION[each]));
    for (const end of addPorts(automaton, start, range)) {
      if (block === undefined) {
        markAll(automaton, end, mark);
        continue;
      }
      markAll(automaton, addBlock(automaton, end, block), mark);
      allow(end, ADDRESS_UNKNOWN);
    }
  }
}

/** What is sent to an address of a name; and what there must be before one is known. */
function addDomain(automaton: NondeterministicAutomaton, match: DomainMatch, mark: number): void {
  for (const from of (match.asking ? DNS_SOCKETS : ANY_ENDPOINT).flatMap((set) => addSockets(automaton, set))) {
    const egress = automaton.literal(from, Buffer.from(DIRECTION.egress));
    if (match.asking) {
      markAll(automaton, automaton.literal(from, Buffer.from(DIRECTION.none)), mark);
      markAll(automaton, automaton.literal(egress, Buffer.from(digits(QUESTION_PORT, 4))), mark);
    } else {
      addNames(automaton, anyDigits(automaton, egress, 4 + 1 + ADDRESS_DIGITS), match, mark);
    }
  }
}

const DNS_SOCKETS: readonly SocketSet[] = [...PROTOCOLS.tcp, ...PROTOCOLS.udp];

function addNames(automaton: NondeterministicAutomaton, from: number, { domain }: DomainMatch, mark: number): void {
  const isBelow = domain.startsWith(BELOW);
  const parts = (isBelow ? domain.slice(BELOW.length) : domain).split('.').reverse();
  const end = automaton.literal(from, Buffer.from(parts.map((part) => `.${part}`).join('')));
  if (!isBelow) automaton.addMark(end, mark);
  markAll(automaton, automaton.literal(end, DOT), mark);
}

/** Marks everything that continues from here. */
function markAll(automaton: NondeterministicAutomaton, node: number, mark: number): void {
  automaton.addMark(automaton.run(node, true), mark);
}

function addPorts(automaton: NondeterministicAutomaton, from: number, range: PortRange): number[] {
  return digitRanges(range.low, range.high, 4).map((sequence) =>
    sequence.reduce((node, digit) => oneDigit(automaton, node, digit), from),
  );
}

function addBlock(automaton: NondeterministicAutomaton, from: number, { address, bits }: AddressBlock): number {
  const kind = ADDRESS_KINDS.get(address.length)!;
  const whole = Array.from(address, (byte) => digits(byte, 2)).join('');
  const node = automaton.literal(from, Buffer.from(kind + whole.slice(0, bits >> 2)));
  if (bits % 4 === 0) return node;
  const low = whole.charCodeAt(bits >> 2);
  return oneDigit(automaton, node, { low, high: low + (0xf >> (bits % 4)) });
}

/** Numbers from `low` to `high` as sequences of digit ranges: each stands for every choice of one digit per range. */
export function digitRanges(low: number, high: number, count: number): Range[][] {
  if (count === 0) return [[]];
  const unit = 16 ** (count - 1);
  const [first, last] = [Math.floor(low / unit), Math.floor(high / unit)];
  const behind = (from: number, to: number, digits: Range) =>
    digitRanges(from, to, count - 1).map((rest) => [digits, ...rest]);
  const digit = (from: number, to = from): Range => ({ low: ZERO + from, high: ZERO + to });
  if (first === last) return behind(low % unit, high % unit, digit(first));
  const firstWhole = low % unit === 0 ? first : first + 1;
  const lastWhole = high % unit === unit - 1 ? last : last - 1;
  return [
    ...(firstWhole > first ? behind(low % unit, unit - 1, digit(first)) : []),
    ...(firstWhole <= lastWhole ? behind(0, unit - 1, digit(firstWhole, lastWhole)) : []),
    ...(lastWhole < last ? behind(0, high % unit, digit(last)) : []),
  ];
}

function anyDigits(automaton: NondeterministicAutomaton, from: number, count: number): number {
  let node = from;
  for (let left = count; left > 0; left--) node = oneDigit(automaton, node, ANY_DIGIT);
  return node;
}

function oneDigit(automaton: NondeterministicAutomaton, from: number, range: Range): number {
  return range.low === range.high
    ? automaton.literal(from, [range.low])
    : automaton.character(from, `letters ${range.low}-${range.high}`, [range]);
}

/** A number in base 16. */
export function digits(value: number, count: number): string {
  let text = '';
  for (let shift = (count - 1) * 4; shift >= 0; shift -= 4)
    text += String.fromCharCode(ZERO + ((value >> shift) & 0xf));
  return text;
}
