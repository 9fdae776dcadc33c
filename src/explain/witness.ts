import { parseAddressBlock } from '../policy/address.js';
import { CLASS_OF_OPERATION, OPERATIONS, type Operation } from '../policy/effect.js';
import type { BoundRule, DomainMatch, EndpointMatch, PathMatch, Rule } from '../policy/model.js';
import {
  ADDRESS_FAMILIES,
  ANY_ENDPOINT,
  PROTOCOLS,
  parsePorts,
  type SocketSet,
  type SocketUse,
} from '../policy/network.js';
import type { Access, AccessObject } from './access.js';
import { speaksOfObject } from './match.js';

/** What stands for a wildcard. Several are tried, for a set of characters may leave any of them out. */
const FILLINGS = ['x', 'a', '0', 'A', '_', 'é'];

/** Accesses that a rule speaks of, one for each of its operations; none where none could be made up. */
export function witnessesOf(bound: BoundRule): Access[] {
  const { match } = bound.rule;
  const question = match.kind === 'domain' ? [accessOf(bound, 'resolve', queryOf(match))] : [];
  return [...question, ...witnessesOfObject(bound)];
}

function witnessesOfObject(bound: BoundRule): Access[] {
  const object = objectsOf(bound.rule).find((candidate) => speaksOfObject(bound.rule, candidate));
  if (object === undefined) return [];
  return operationsOf(bound.rule).map((operation) => accessOf(bound, operation, object));
}

function accessOf({ rule }: BoundRule, operation: Operation, object: AccessObject): Access {
  return {
    operation,
    object,
    program: Buffer.from(programOf(rule)),
    ownership: rule.ownerOnly ? 'other' : 'owner',
    terminal: rule.terminal === true,
    arguments: [],
  };
}

function queryOf({ domain }: DomainMatch): { kind: 'query'; name: string } {
  return { kind: 'query', name: domain.replace(/^\*/u, 'x') };
}

function operationsOf(rule: Rule): readonly Operation[] {
  if (rule.class === 'network') return ['communicate'];
  if (rule.class !== 'file') return OPERATIONS.filter((operation) => CLASS_OF_OPERATION[operation] === rule.class);
  if (rule.operations !== undefined) return rule.operations;
  return rule.readOnly && rule.action === 'Allow' ? ['read'] : ['read', 'write'];
}

function programOf({ sources: [source] }: Rule): string {
  if (source === undefined) return '';
  return source.endsWith('/**') || source.endsWith('/') ? `${source.replace(/\*\*$/u, '')}x` : source;
}

function objectsOf({ match }: Rule): AccessObject[] {
  const at = (place: PathMatch | undefined) => (place === undefined ? ['/x'] : pathsOf(place)).map(Buffer.from);
  switch (match.kind) {
    case 'exact':
    case 'directory':
    case 'pattern':
      return pathsOf(match).map((path) => ({ kind: 'path', path: Buffer.from(path) }));
    case 'name':
      return [{ kind: 'path', path: Buffer.from(`/${match.name}`) }];
    case 'protocol':
      return PROTOCOLS[match.protocol].map((set) => socketOf(set));
    case 'family':
      return [socketOf({ families: [ADDRESS_FAMILIES[match.family]] })];
    case 'endpoint':
      return [endpointOf(match)];
    case 'domain': {
      const [set] = ANY_ENDPOINT;
      const end = { direction: 'egress' as const, port: 443, address: [127, 0, 0, 1] };
      return [{ ...socketOf(set!), ...end, name: queryOf(match).name }];
    }
    case 'capability':
      return [{ kind: 'capability', capability: match.capability }];
    case 'filesystem':
      return [{ kind: 'filesystem', type: match.type, path: Buffer.from('/x') }];
    case 'mount':
      return at(match.target).map((path) => ({
        kind: 'mount',
        operation: match.operation ?? 'mount',
        type: match.type ?? '',
        path,
      }));
    case 'trace':
      return at(match.target).map((path) => ({ kind: 'trace', operation: match.operation ?? 'read', path }));
    case 'namespace':
      return [{ kind: 'namespace' }];
    case 'call': {
      const [call] = match.calls;
      if (match.target === undefined) return [{ kind: 'call', call: call! }];
      return at(match.target).map((path) => ({ kind: 'call', call: call!, path }));
    }
    case 'preset':
      return [{ kind: 'behaviour', presets: [match.preset] }];
  }
}

function pathsOf(match: PathMatch): string[] {
  if (match.kind === 'exact') return [match.path];
  if (match.kind === 'directory') return [`${match.directory}x`];
  const { pattern } = match;
  return FILLINGS.map((filling) =>
    pattern
      .replace(/\\(.)|\[[^\]]*\]|\*+|\?|\{([^{},]*)[^{}]*\}/gsu, (_, escaped?: string, branch?: string) => {
        return escaped ?? branch ?? filling;
      })
      .replace(/[{}]/gu, ''),
  );
}

function socketOf({ families, types, protocols }: SocketSet): { kind: 'socket' } & SocketUse {
  const [family = ADDRESS_FAMILIES.inet, type = 1, protocol = 0] = [families?.[0], types?.[0], protocols?.[0]];
  return { kind: 'socket', family, type, protocol, direction: 'none', port: 0, address: [] };
}

function endpointOf({ protocol, cidr, ports, direction }: EndpointMatch): AccessObject {
  const [set] = protocol === undefined ? ANY_ENDPOINT : PROTOCOLS[protocol];
  const block = cidr === undefined ? undefined : parseAddressBlock(cidr);
  return {
    ...socketOf(set!),
    direction: direction ?? 'egress',
    port: ports === undefined ? 1 : parsePorts(ports)!.low,
    address: typeof block === 'object' ? [...block.address] : [127, 0, 0, 1],
  };
}
