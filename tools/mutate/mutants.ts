import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { type AnyNode, type Node, parse } from 'acorn';

/** One small fault: a stretch of a built file with what stands there instead. */
export interface Mutant {
  /** Path of the source, for example `src/store/store.ts`. */
  readonly source: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** For people, on one line. */
  readonly change: string;
}

/** A file with one of its mutants in place. */
export function mutate(code: string, { start, end, replacement }: Change): string {
  return code.slice(0, start) + replacement + code.slice(end);
}

const OTHER_OPERATORS: Readonly<Record<string, string>> = {
  '===': '!==',
  '!==': '===',
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '&&': '||',
  '||': '&&',
  '&': '|',
  '|': '&',
  '<<': '>>',
  '>>': '<<',
  '+=': '-=',
  '-=': '+=',
};

/** All mutants of a source file, in the order of its text. */
export function mutantsOf(source: string): Mutant[] {
  const code = readFileSync(builtOf(source), 'utf8');
  const lines = lineFinder(source, code);
  return changesIn(code).map(({ start, end, replacement }) => {
    const change = `${shown(code.slice(start, end))} → ${replacement === ';' ? 'nothing' : shown(replacement)}`;
    return { source, line: lines(start), start, end, replacement, change };
  });
}

/** What can be changed in a module: operators, conditions, constants and whole statements. */
export function changesIn(code: string): Change[] {
  const module = parse(code, { ecmaVersion: 'latest', sourceType: 'module' });
  return [...nodesOf(module)].flatMap((node) => changesOf(node, code));
}

export function builtOf(source: string): string {
  return `build/${source.replace(/\.ts$/u, '.js')}`;
}

export type Change = Pick<Mutant, 'start' | 'end' | 'replacement'>;

function changesOf(node: AnyNode, code: string): Change[] {
  const replace = ({ start, end }: Node, ...replacements: string[]) =>
    replacements.map((replacement) => ({ start, end, replacement }));
  const text = ({ start, end }: Node) => code.slice(start, end);
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression': {
      if (node.operator === '??') return replace(node, text(node.left));
      const other = OTHER_OPERATORS[node.operator];
      const start = node.left.end + code.slice(node.left.end, node.right.start).indexOf(node.operator);
      return other === undefined ? [] : [{ start, end: start + node.operator.length, replacement: other }];
    }
    case 'IfStatement':
    case 'ConditionalExpression':
      return replace(node.test, 'true', 'false');
    case 'WhileStatement':
      return replace(node.test, 'false');
    case 'UnaryExpression':
      return node.operator === '!' ? replace(node, text(node.argument)) : [];
    case 'UpdateExpression':
      return replace(
        node,
        text(node).replace(/\+\+|--/u, (operator) => (operator === '++' ? '--' : '++')),
      );
    case 'Literal':
      if (typeof node.value === 'boolean') return replace(node, String(!node.value));
      return typeof node.value === 'number' ? replace(node, String(node.value + 1)) : [];
    case 'ThrowStatement':
      return replace(node, ';');
    case 'ExpressionStatement': {
      const isNeeded = node.expression.type === 'CallExpression' && node.expression.callee.type === 'Super';
      return isNeeded ? [] : replace(node, ';');
    }
    default:
      return [];
  }
}

function* nodesOf(node: AnyNode): Generator<AnyNode> {
  yield node;
  for (const value of Object.values(node)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (typeof each?.type === 'string') yield* nodesOf(each);
    }
  }
}

/** Finds the line of the source, counted from 1, for an offset in what was built from it. */
function lineFinder(source: string, code: string): (offset: number) => number {
  const map = new SourceMap(JSON.parse(readFileSync(`${builtOf(source)}.map`, 'utf8')));
  return (offset) => {
    const before = code.slice(0, offset).split('\n');
    const entry = map.findEntry(before.length - 1, before.at(-1)!.length);
    return 'originalLine' in entry ? entry.originalLine + 1 : 0;
  };
}

const SHOWN_CHARACTERS = 80;

function shown(text: string): string {
  const line = text.replace(/\s+/gu, ' ');
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}…` : line;
}
