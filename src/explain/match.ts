import { parseAddressBlock } from '../policy/address.js';
import type {
  BoundRule,
  CallMatch,
  DomainMatch,
  EndpointMatch,
  Match,
  PathMatch,
  PresetMatch,
  Rule,
} from '../policy/model.js';
import {
  ADDRESS_FAMILIES,
  ANY_ENDPOINT,
  isAnyOf,
  PROTOCOLS,
  parsePorts,
  RAW_SOCKETS,
  type SocketUse,
} from '../policy/network.js';
import type { AccessObject } from './access.js';
import { Glob } from './glob.js';

/** Whether a rule speaks of an object, asked of one rule at a time and without a line from src/image. */
export function speaksOfObject({ match, action }: Rule, object: AccessObject): boolean {
  switch (match.kind) {
    case 'exact':
    case 'directory':
    case 'pattern':
      return object.kind === 'path' && isAt(match, object.path);
    case 'name':
      // By what name a program is called is no part of an access.
      if (match.of !== undefined) return false;
      return (
        object.kind === 'path' && Buffer.from(object.path).toString('latin1').split('/').at(-1) === latin1(match.name)
      );
    case 'protocol':
      return object.kind === 'socket' && isAnyOf(PROTOCOLS[match.protocol], object);
    case 'family':
      return object.kind === 'socket' && object.family === ADDRESS_FAMILIES[match.family];
    case 'endpoint':
      return object.kind === 'socket' && (isEndpoint(match, action, object) || isKeptFromRaw(match, action, object));
    case 'domain':
      if (object.kind === 'query') return isUnder(match, object.name);
      return object.kind === 'socket' && (isNamed(match, object) || (action === 'Allow' && isForAsking(object)));
    case 'capability':
      return object.kind === 'capability' && object.capability === match.capability;
    case 'filesystem':
      return object.kind === 'filesystem' && object.type === match.type;
    case 'mount':
      return object.kind === 'mount' && isMount(match, object);
    case 'trace':
      return (
        object.kind === 'trace' &&
        (match.operation ?? object.operation) === object.operation &&
        (match.target === undefined || isAt(match.target, object.path))
      );
    case 'namespace':
      return object.kind === 'namespace';
    case 'preset':
      return object.kind === 'behaviour' && object.presets.includes(match.preset) && !isExcepted(match, object.path);
    case 'call':
      return object.kind === 'call' && match.calls.includes(object.call) && isGiven(match, object.path);
  }
}

function isExcepted({ except = [] }: PresetMatch, path: Uint8Array | undefined): boolean {
  return path !== undefined && except.some((place) => isAt(place, path));
}

/** Whether the program is one of those that a rule is limited to. */
export function isSource({ rule }: BoundRule, program: Uint8Array): boolean {
  const path = Buffer.from(program).toString('latin1');
  return (
    rule.sources.length === 0 ||
    rule.sources.map(latin1).some((source) => {
      if (source.endsWith('/**')) return path.startsWith(source.slice(0, -2));
      if (!source.endsWith('/')) return path === source;
      return path.startsWith(source) && !path.slice(source.length).replace(/\/$/u, '').includes('/');
    })
  );
}

/** Whether a path is at, or below, the place that a match names; a directory's path may end in a slash. */
function isAt(match: PathMatch, path: Uint8Array): boolean {
  const text = Buffer.from(path).toString('latin1');
  switch (match.kind) {
    case 'exact':
      return text === latin1(match.path) || text === `${latin1(match.path)}/`;
    case 'directory': {
      const directory = latin1(match.directory);
      if (!text.startsWith(directory)) return false;
      const below = text.slice(directory.length);
      return match.recursive || below === '' || /^[^/]+\/?$/su.test(below);
    }
    case 'pattern': {
      const glob = globOf(match);
      return glob.matches(path) || (text.endsWith('/') && glob.matches(path.subarray(0, -1)));
    }
  }
}

const globs = new WeakMap<PathMatch, Glob>();

function globOf(match: Extract<PathMatch, { kind: 'pattern' }>): Glob {
  const glob = globs.get(match) ?? new Glob(match.pattern);
  globs.set(match, glob);
  return glob;
}

function isMount(
  match: Extract<Match, { kind: 'mount' }>,
  { operation, type, path }: Extract<AccessObject, { kind: 'mount' }>,
): boolean {
  if (match.operation !== undefined && match.operation !== operation) return false;
  if (match.type !== undefined && match.type !== type) return false;
  return match.target === undefined || isAt(match.target, path);
}

function isGiven({ target }: CallMatch, path: Uint8Array | undefined): boolean {
  if (target === undefined) return path === undefined;
  return path !== undefined && isAt(target, path);
}

/** Whether a socket is used towards an address of a name that a domain covers. */
export function isNamed(match: DomainMatch, { family, direction, name }: SocketUse): boolean {
  const isInternet = ANY_ENDPOINT.some(({ families = [] }) => families.includes(family));
  return isInternet && direction === 'egress' && name !== undefined && isUnder(match, name);
}

/** Whether a socket is being made, or used, as whoever asks for a name must. */
function isForAsking(use: SocketUse): boolean {
  const isFit = isAnyOf(PROTOCOLS.udp, use) || isAnyOf(PROTOCOLS.tcp, use);
  return isFit && (use.direction === 'none' || (use.direction === 'egress' && use.port === 53));
}

function isUnder({ domain }: DomainMatch, name: string): boolean {
  return domain.startsWith('*.') ? name.endsWith(domain.slice(1)) : `.${name}`.endsWith(`.${domain}`);
}

/** Whether a socket could reach what an endpoint blocks without being seen: its program writes the packets. */
function isKeptFromRaw(match: EndpointMatch, action: Rule['action'], use: SocketUse): boolean {
  return action === 'Block' && match.direction !== 'ingress' && isAnyOf(RAW_SOCKETS, use);
}

/** What is to be allowed may also come as far as the other end is known: see EndpointMatch. */
export function isEndpoint(match: EndpointMatch, action: Rule['action'], use: SocketUse): boolean {
  if (!isAnyOf(match.protocol === undefined ? ANY_ENDPOINT : PROTOCOLS[match.protocol], use)) return false;
  if (use.direction === 'none') return action === 'Allow';
  if (match.direction !== undefined && match.direction !== use.direction) return false;
  const { ports, bits } = placeOf(match);
  if (ports !== undefined && (use.port < ports.low || ports.high < use.port)) return false;
  if (bits === undefined) return true;
  if (use.address.length === 0) return action === 'Allow';
  return bits.length === use.address.length && isWithin(use.address, bits.start);
}

interface Place {
  readonly ports: ReturnType<typeof parsePorts>;
  /** What addresses begin with, digit by digit, and how many bytes they have. */
  readonly bits: { readonly start: string; readonly length: number } | undefined;
}

const places = new WeakMap<EndpointMatch, Place>();

function placeOf(match: EndpointMatch): Place {
  const place = places.get(match) ?? parsePlace(match);
  places.set(match, place);
  return place;
}

function parsePlace({ ports, cidr }: EndpointMatch): Place {
  return {
    ports: ports === undefined ? undefined : parsePorts(ports),
    bits: cidr === undefined ? undefined : bitsOf(cidr),
  };
}

function bitsOf(cidr: string): Place['bits'] {
  const block = parseAddressBlock(cidr);
  if (typeof block === 'string') throw new Error(`${cidr} ${block}`);
  return { start: digitsOf(block.address).slice(0, block.bits), length: block.address.length };
}

function isWithin(address: Iterable<number>, start: string): boolean {
  return digitsOf(address).startsWith(start);
}

function digitsOf(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}
