import { type CallMatch, FILE_OPERATIONS, type FileOperation, type Rule, type RuleClass } from './model.js';
import { type CallPoint, pathPoint } from './system-calls.js';

/** What a rule is about, by class and operation, as HOOK_USES of src/kernel/hook-uses.ts has them. */
export interface RuleOperations {
  readonly class: RuleClass;
  /** `all`: whatever the class decides about. */
  readonly operations: ReadonlySet<string> | 'all';
}

const OUTGOING = ['create', 'connect', 'send', 'take another way'];
const INCOMING = ['create', 'bind', 'listen', 'accept', 'send', 'receive'];
const SOCKETS = [...OUTGOING, ...INCOMING];
const NAMES = ['ask for a name', 'learn addresses of a name', 'connect', 'send', 'take another way'];
/** Reading has allowed it, so that only rules that name it decide about it. */
const WITHOUT_MAP: readonly FileOperation[] = FILE_OPERATIONS.filter((each) => each !== 'map');

/** Where the path of a call becomes known: where what the call asks for is decided. */
const OF_POINT: Readonly<Record<Exclude<CallPoint, 'entry'>, readonly [RuleClass, ...string[]]>> = {
  open: ['file', 'read', 'write'],
  execute: ['process', 'run'],
  truncate: ['file', 'write'],
  delete: ['file', 'delete'],
  create: ['file', 'create'],
  link: ['file', 'link'],
  rename: ['file', 'rename'],
  attributes: ['file', 'attributes'],
  mount: ['mounts', 'mount', 'unmount'],
};

/** What must be asked about for the rule to hold. */
export function operationsOf(rule: Rule): RuleOperations[] {
  if (rule.match.kind === 'call') return operationsOfCalls(rule.match);
  const operations = operationsOfMatch(rule);
  return [{ class: rule.class, operations: operations === 'all' ? 'all' : new Set(operations) }];
}

function operationsOfCalls({ calls, target }: CallMatch): RuleOperations[] {
  if (target === undefined) return [{ class: 'syscalls', operations: 'all' }];
  return [...new Set(calls.map(pathPoint))].flatMap((point) => {
    if (point === 'entry') return [];
    const [ruleClass, ...operations] = OF_POINT[point];
    return [{ class: ruleClass, operations: new Set(operations) }];
  });
}

/** Not all attributes are changed where the call's path is told. */
function ofFile(operations: readonly FileOperation[]): string[] {
  return operations.flatMap((each) => (each === 'attributes' ? [each, 'other attributes'] : [each]));
}

function operationsOfMatch({ class: ruleClass, match, action, ...rule }: Rule): readonly string[] | 'all' {
  switch (match.kind) {
    case 'exact':
    case 'directory':
    case 'pattern':
    case 'name':
      if (ruleClass === 'process')
        return [
          'run',
          ...(action === 'Block' ? ['use otherwise'] : []),
          ...(rule.arguments === undefined ? [] : ['run with arguments']),
        ];
      // What no Allow rule names is decided as well, whatever is done to it.
      return ofFile(action === 'Allow' ? WITHOUT_MAP : (rule.operations ?? WITHOUT_MAP));
    case 'protocol':
    case 'family':
      return SOCKETS;
    case 'endpoint':
      if (match.direction === undefined || action === 'Allow') return SOCKETS;
      return match.direction === 'egress' ? OUTGOING : INCOMING;
    case 'domain':
      return action === 'Allow' ? 'all' : NAMES;
    case 'mount':
    case 'trace':
      return match.operation === undefined ? 'all' : [match.operation];
    case 'preset':
      return [match.preset];
    case 'capability':
    case 'filesystem':
    case 'namespace':
    case 'call':
      return 'all';
  }
}
