import { CLASS_OF_OPERATION, OPERATIONS, type Operation } from '../policy/effect.js';
import type { BoundRule, Rule } from '../policy/model.js';
import type { Access, AccessObject } from './access.js';
import { readingOf } from './kinds/kinds.js';
import { queryOf } from './kinds/remote-ends.js';
import { coversObject } from './match.js';

/** Accesses that a rule covers, one for each of its operations; none if no example could be found. */
export function exampleAccessesOf(bound: BoundRule): Access[] {
  const { match } = bound.rule;
  const question = match.kind === 'domain' ? [accessOf(bound, 'resolve', queryOf(match))] : [];
  return [...question, ...examplesOfObject(bound)];
}

function examplesOfObject(bound: BoundRule): Access[] {
  const { match } = bound.rule;
  const object = readingOf(match)
    .examples(match)
    .find((candidate) => coversObject(bound.rule, candidate));
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
