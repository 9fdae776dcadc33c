import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { type AnyNode, type Node, parse } from 'acorn';

/** One small fault: a range of a built file and its replacement. */
export interface Mutant {
  /** Path of the source, for example `src/store/store.ts`. */
  readonly source: string;
  /** The source and the mutant's index in its file, for example `src/store/store.ts#3`. */
  readonly id: string;
  readonly line: number;
  /** A description in one line. */
  readonly change: string;
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
  return changesIn(code).map(({ start, end, replacement }, index) => {
    const change = `${shown(code.slice(start, end))} → ${replacement === ';' ? 'nothing' : shown(replacement)}`;
    return { source, id: `${source}#${index}`, line: lines(start), change };
  });
}

/** A range of a module, and its replacement. */
export interface Change {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** The whole expression or statement that it changes. */
  readonly node: AnyNode;
}

/** What can be changed in a module: operators, conditions, constants and whole statements. */
export function changesIn(code: string): Change[] {
  return changesOfModule(parseModule(code), code);
}

/** A module with one change in place. */
export function mutate(code: string, { start, end, replacement }: Omit<Change, 'node'>): string {
  return code.slice(0, start) + replacement + code.slice(end);
}

/**
 * A module with all its changes in place, each of which can be switched on while it runs.
 *
 * @param source the name of the module's source, @param switches the relative path of switch.js
 */
export function instrument(code: string, source: string, switches: string): string {
  const module = parseModule(code);
  const changes = new Map<AnyNode, string[]>();
  for (const [index, change] of changesOfModule(module, code).entries()) {
    const { node } = change;
    const isOn = `$isOn(${index})`;
    const text =
      change.replacement === ';'
        ? `if (!${isOn}) `
        : `${isOn} ? ${code.slice(node.start, change.start)}${change.replacement}${code.slice(change.end, node.end)} : `;
    changes.set(node, [...(changes.get(node) ?? []), text]);
  }
  const render = (node: AnyNode): string => {
    let text = '';
    let end = node.start;
    for (const child of childrenOf(node).sort((a, b) => a.start - b.start)) {
      // The name of a shorthand property is also its value.
      if (child.start < end) continue;
      text += code.slice(end, child.start) + render(child);
      end = child.end;
    }
    text += code.slice(end, node.end);
    const own = changes.get(node);
    if (own === undefined) return text;
    return own[0]!.startsWith('if ') ? `{ ${own[0]}{ ${text} } }` : `(${own.join('')}${text})`;
  };
  // Functions of a module can be called before it is evaluated, by one that it imports.
  const head = `import { switchOf as $switchOf } from ${JSON.stringify(switches)};
function $isOn(mutant) { return ($switch ??= $switchOf(${JSON.stringify(source)}))(mutant); }
var $switch; $switch ??= $switchOf(${JSON.stringify(source)});
`;
  return head + code.slice(0, module.start) + render(module) + code.slice(module.end);
}

export function builtOf(source: string): string {
  return `build/${source.replace(/\.ts$/u, '.js')}`;
}

function parseModule(code: string): AnyNode {
  return parse(code, { ecmaVersion: 'latest', sourceType: 'module' });
}

function changesOfModule(module: AnyNode, code: string): Change[] {
  return [...nodesOf(module)].flatMap((node) => changesOf(node, code));
}

function changesOf(node: AnyNode, code: string): Change[] {
  const replace = (changed: AnyNode, ...replacements: string[]) =>
    replacements.map((replacement) => ({ start: changed.start, end: changed.end, replacement, node: changed }));
  const text = ({ start, end }: Node) => code.slice(start, end);
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression': {
      if (node.operator === '??') return replace(node, text(node.left));
      const other = OTHER_OPERATORS[node.operator];
      const start = node.left.end + code.slice(node.left.end, node.right.start).indexOf(node.operator);
      return other === undefined ? [] : [{ start, end: start + node.operator.length, replacement: other, node }];
    }
    case 'IfStatement':
    case 'ConditionalExpression':
      return decidesOnlyWhetherToYield(node) ? [] : replace(node.test, 'true', 'false');
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
      return isNeeded || onlyYields(node.expression) ? [] : replace(node, ';');
    }
    default:
      return [];
  }
}

/** Whether a condition only decides whether to yield to other work. */
function decidesOnlyWhetherToYield(node: AnyNode): boolean {
  if (node.type !== 'IfStatement' || node.alternate != null) return false;
  return node.consequent.type === 'ExpressionStatement' && onlyYields(node.consequent.expression);
}

/** Whether a statement only yields to other work: results are the same without it, and benchmarks measure turns. */
function onlyYields(node: AnyNode): boolean {
  if (node.type === 'YieldExpression') return !node.delegate && node.argument == null;
  if (node.type !== 'AwaitExpression' || node.argument.type !== 'CallExpression') return false;
  const { callee } = node.argument;
  return callee.type === 'Identifier' && callee.name === 'nextTimeSlice';
}

function* nodesOf(node: AnyNode): Generator<AnyNode> {
  yield node;
  if (!decidesOnlyWhetherToYield(node)) for (const child of childrenOf(node)) yield* nodesOf(child);
}

function childrenOf(node: AnyNode): AnyNode[] {
  return Object.entries(node)
    .flatMap(([name, value]) => (isName(node, name) ? [] : Array.isArray(value) ? value : [value]))
    .filter((each) => typeof each?.type === 'string');
}

/** Whether a part of a node is a name but not an expression. */
function isName(node: AnyNode, part: string): boolean {
  return part === 'key' && 'computed' in node && !node.computed;
}

/** Finds the line of the source, counted from 1, for an offset in the built file. */
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
