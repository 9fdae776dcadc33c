import { type Action, FILE_OPERATIONS, type FileOperation, type Rule, type RuleClass } from './model.js';

/** What can be done to a path: run it as a program, or access it as a file. */
export const PATH_OPERATIONS = ['execute', ...FILE_OPERATIONS] as const;

const OF_FILES = Object.fromEntries(FILE_OPERATIONS.map((each) => [each, 'file'])) as Record<FileOperation, 'file'>;

/** The kinds of access that are decided separately, with the class whose rules cover them. */
export const CLASS_OF_OPERATION = {
  execute: 'process',
  ...OF_FILES,
  communicate: 'network',
  use: 'capabilities',
  access: 'filesystems',
  mount: 'mounts',
  trace: 'ptrace',
  unshare: 'namespaces',
  behave: 'presets',
  call: 'syscalls',
  resolve: 'network',
} as const satisfies Readonly<Record<string, RuleClass>>;
export type Operation = keyof typeof CLASS_OF_OPERATION;
export const OPERATIONS = Object.keys(CLASS_OF_OPERATION) as readonly Operation[];

/** Whether the acting user owns the file. */
export type Ownership = 'owner' | 'other';
export const OWNERSHIPS: readonly Ownership[] = ['owner', 'other'];

/**
 * What one rule decides about one kind of access to what it matches; undefined where it decides nothing, so that the
 * next rule, or the default posture, does. Arguments are ignored: a rule with arguments decides this unless they are
 * allowed.
 *
 * - `ownerOnly` allows the file's owner and stops everyone else.
 * - `readOnly` on Block forbids writing and lets reading pass; on Allow it allows reading and decides nothing about
 * writing.
 * - Mapping as executable is decided only by rules that name it: otherwise what may be read may be mapped.
 */
export function effectOf(rule: Rule, operation: Operation, ownership: Ownership): Action | undefined {
  if (rule.class !== CLASS_OF_OPERATION[operation]) return undefined;
  if (rule.class === 'file' && !covers(rule, operation)) return undefined;
  if (operation === 'resolve' && rule.match.kind !== 'domain') return undefined;
  if (rule.ownerOnly && ownership === 'other') return rule.action === 'Audit' ? 'Audit' : 'Block';
  if (rule.readOnly) {
    if (rule.action === 'Allow') return operation === 'read' ? 'Allow' : undefined;
    return operation === 'read' ? 'Allow' : rule.action;
  }
  if (rule.arguments !== undefined) return rule.action === 'Audit' ? 'Audit' : 'Block';
  return rule.ownerOnly ? 'Allow' : rule.action;
}

/** Whether a file rule names the operation among its own. */
export function covers({ operations }: Pick<Rule, 'operations'>, operation: Operation): boolean {
  return operations === undefined ? operation !== 'map' : (operations as readonly Operation[]).includes(operation);
}
