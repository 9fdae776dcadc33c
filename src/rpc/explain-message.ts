import type { Access, AccessObject } from '../explain/access.js';
import type { Explanation } from '../explain/evaluate.js';
import {
  Direction,
  type ExplainedRule,
  type ExplainRequest,
  type ExplainResponse,
  type SocketUse,
} from '../generated/hauberk/v1/policy.js';
import { parseAddressBlock } from '../policy/address.js';
import { CAPABILITIES } from '../policy/capability.js';
import { BELOW, canonicalDomain, checkDomain } from '../policy/domain.js';
import { OPERATIONS, type Operation } from '../policy/effect.js';
import { type BoundRule, originOf, PRESETS, type Preset } from '../policy/model.js';
import { ADDRESS_FAMILIES, PORT_MAX, SOCKET_TYPES } from '../policy/network.js';
import { CALLS_WITH_PATH, SYSTEM_CALLS } from '../policy/system-calls.js';
import { ACTIONS, CLASSES, DIRECTION_NAMES, POLICY_ORIGINS, SCOPES } from './names.js';
import { fitting } from './pages.js';
import { toRuleMessage } from './policy-output.js';
import { RequestChecks } from './request-checks.js';

/** Operations of the API that are one operation of the domain, with what distinguishes them. */
const DETAILED: Readonly<Record<string, Operation>> = { unmount: 'mount', attach: 'trace' };
const API_OPERATIONS = [...OPERATIONS, ...Object.keys(DETAILED)];

/** @throws Failure invalid-argument naming the fields of ExplainRequest */
export function toAccess(request: ExplainRequest): Access {
  const checks = new RequestChecks();
  checks.require(request.subject !== undefined, 'subject', 'one of container_id and container must be set');
  checks.require(
    API_OPERATIONS.includes(request.operation),
    'operation',
    `must be one of ${API_OPERATIONS.join(', ')}`,
  );
  checks.done();
  const operation = DETAILED[request.operation] ?? (request.operation as Operation);
  const object = toObject(operation, request, checks);
  const parent = toParent(operation, request, checks);
  checks.done();
  return {
    operation,
    object,
    program: Buffer.from(request.program),
    parent,
    ownership: request.notOwner ? 'other' : 'owner',
    terminal: request.terminal,
    arguments: request.arguments.map((argument) => Buffer.from(argument)),
  };
}

function toObject(operation: Operation, request: ExplainRequest, checks: RequestChecks): AccessObject {
  const { object, filesystem: type } = request;
  const path = Buffer.from(object);
  const isPath = object.startsWith('/');
  const needsPath = () => checks.require(isPath, 'object', 'must be an absolute path');
  switch (operation) {
    case 'communicate':
      return { kind: 'socket', ...toSocket(request.socket, checks) };
    case 'resolve':
      checks.require(checkDomain(object) === undefined && !object.startsWith(BELOW), 'object', 'must be a name');
      return { kind: 'query', name: canonicalDomain(object) };
    case 'use':
      checks.require((CAPABILITIES as readonly string[]).includes(object), 'object', 'must be a capability');
      return { kind: 'capability', capability: object };
    case 'access':
      needsPath();
      checks.require(type !== '', 'filesystem', 'must not be empty');
      return { kind: 'filesystem', type, path };
    case 'mount':
      needsPath();
      return { kind: 'mount', operation: request.operation as 'mount' | 'unmount', type, path };
    case 'trace':
      checks.require(isPath || object === '', 'object', 'must be an absolute path, or empty');
      return { kind: 'trace', operation: request.operation === 'attach' ? 'attach' : 'read', path };
    case 'unshare':
      return { kind: 'namespace' };
    case 'call':
      return toCall(object, checks);
    case 'behave':
      return toBehaviour(object, checks);
    case 'execute':
    case 'read':
    case 'write':
    case 'create':
    case 'delete':
    case 'rename':
    case 'link':
    case 'attributes':
    case 'map':
      needsPath();
      return { kind: 'path', path, ...toNewPath(operation, request, checks) };
  }
}

function toParent(operation: Operation, { parentProgram }: ExplainRequest, checks: RequestChecks): Uint8Array {
  checks.require(parentProgram === '' || operation === 'execute', 'parent_program', 'is for execute only');
  return Buffer.from(parentProgram);
}

function toNewPath(operation: Operation, { newPath }: ExplainRequest, checks: RequestChecks) {
  if (newPath === '') return {};
  checks.require(operation === 'rename' || operation === 'link', 'new_path', 'is for rename and link only');
  checks.require(newPath.startsWith('/'), 'new_path', 'must be an absolute path');
  return { newPath: Buffer.from(newPath) };
}

/** A preset; of `drift` perhaps a path behind it. */
function toBehaviour(object: string, checks: RequestChecks): AccessObject {
  const [, preset, path] = /^([^ ]*)(?: (.*))?$/su.exec(object)!;
  const isPreset = (PRESETS as readonly string[]).includes(preset!);
  checks.require(isPreset, 'object', `must be one of ${PRESETS.join(', ')}`);
  const presets = [preset as Preset];
  if (path === undefined) return { kind: 'behaviour', presets };
  checks.require(preset === 'drift', 'object', 'has a path, which only drift looks at');
  checks.require(path.startsWith('/'), 'object', 'must have an absolute path behind the preset');
  return { kind: 'behaviour', presets, path: Buffer.from(path) };
}

/** As events have it: a name, and perhaps a path. */
function toCall(object: string, checks: RequestChecks): AccessObject {
  const [, call, path] = /^([^ ]*)(?: (.*))?$/su.exec(object)!;
  checks.require(SYSTEM_CALLS.includes(call!), 'object', 'must be a system call of this machine, and perhaps a path');
  if (path === undefined) return { kind: 'call', call: call! };
  checks.require(path.startsWith('/'), 'object', 'must have an absolute path behind the name of the call');
  checks.require(CALLS_WITH_PATH.includes(call!), 'object', `has a path, which the kernel does not report ${call}`);
  return { kind: 'call', call: call!, path: Buffer.from(path) };
}

function toSocket(socket: SocketUse | undefined, checks: RequestChecks) {
  checks.require(socket !== undefined, 'socket', 'must be set');
  const { family = '', type = '', protocol = 0, port = 0, address = '', direction, name = '' } = socket ?? {};
  const families: Readonly<Record<string, number>> = ADDRESS_FAMILIES;
  const types: Readonly<Record<string, number>> = SOCKET_TYPES;
  checks.require(Object.hasOwn(families, family || 'inet'), 'socket.family', 'must be the name of an address family');
  checks.require(
    Object.hasOwn(types, type || 'stream'),
    'socket.type',
    `must be one of ${Object.keys(types).join(', ')}`,
  );
  checks.require(port <= PORT_MAX, 'socket.port', `must not be greater than ${PORT_MAX}`);
  const block = address === '' ? undefined : parseAddressBlock(address);
  const isAddress = block === undefined || (typeof block === 'object' && block.bits === block.address.length * 8);
  checks.require(isAddress, 'socket.address', 'must be an address');
  const isName = name === '' || (checkDomain(name) === undefined && !name.startsWith(BELOW));
  checks.require(isName, 'socket.name', 'must be a name');
  return {
    family: families[family || 'inet'] ?? 0,
    type: types[type || 'stream'] ?? 0,
    protocol,
    direction: DIRECTION_NAMES.get(direction ?? Direction.UNSPECIFIED) ?? ('none' as const),
    port,
    address: typeof block === 'object' ? [...block.address] : [],
    ...(name !== '' && { name: canonicalDomain(name) }),
  };
}

/** Rules that did not decide and are reported. */
const OVERRIDDEN_MAX = 100;

export function toExplainResponse({ action, wouldBlock, decider, losers }: Explanation): ExplainResponse {
  const rivals = losers.filter(({ applies }) => applies);
  const others = losers.filter(({ applies }) => !applies);
  const overridden = fitting([...rivals, ...others], 0, OVERRIDDEN_MAX, ({ rule, reason }) => ({
    rule: toExplainedRule(rule),
    reason,
  }));
  return {
    action: ACTIONS[action],
    wouldBlock,
    decidedBy:
      decider === undefined
        ? undefined
        : 'postureOf' in decider
          ? { $case: 'posture', value: CLASSES[decider.postureOf] }
          : { $case: 'rule', value: toExplainedRule(decider) },
    overridden,
    omittedOverridden: BigInt(losers.length - overridden.length),
  };
}

function toExplainedRule({ policy, rule }: BoundRule): ExplainedRule {
  return {
    policyNamespace: policy.namespace,
    policy: policy.name,
    scope: SCOPES[policy.scope ?? 'namespace'],
    rule: toRuleMessage(rule),
    origin: POLICY_ORIGINS[originOf(policy)],
  };
}
