import type { Action, Rule, RuleClass } from './model.js';

/** The kinds of access that are decided apart. Order is the byte layout of a verdict row: see image/layout.ts. */
export const OPERATIONS = ['execute', 'read', 'write', 'communicate', 'use'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Which rules speak of an operation. */
export const CLASS_OF_OPERATION: Readonly<Record<Operation, RuleClass>> = {
  execute: 'process',
  read: 'file',
  write: 'file',
  communicate: 'network',
  use: 'capabilities',
};

/** Whether the acting user owns the file. */
export type Ownership = 'owner' | 'other';
export const OWNERSHIPS: readonly Ownership[] = ['owner', 'other'];

/**
 * What one rule says of one kind of access to what it matches; undefined where it says nothing and the next rule,
 * or the default posture, decides.
 *
 * - `ownerOnly` lets the file's owner and stops everyone else.
 * - `readOnly` on Block forbids writing and lets reading pass; on Allow it allows reading and is silent on writing.
 */
export function effectOf(rule: Rule, operation: Operation, ownership: Ownership): Action | undefined {
  if (rule.class !== CLASS_OF_OPERATION[operation]) return undefined;
  if (rule.ownerOnly && ownership === 'other') return rule.action === 'Audit' ? 'Audit' : 'Block';
  if (rule.readOnly) {
    if (rule.action === 'Allow') return operation === 'read' ? 'Allow' : undefined;
    return operation === 'read' ? 'Allow' : rule.action;
  }
  return rule.ownerOnly ? 'Allow' : rule.action;
}
