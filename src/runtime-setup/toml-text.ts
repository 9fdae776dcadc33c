import { isDeepStrictEqual } from 'node:util';
import { parse, TomlError } from 'smol-toml';
import { Failure } from '../failure.js';
import { isObject } from '../json-shape.js';
import { scanToml, type TomlStatement } from './toml-scan.js';

export type TomlTable = Record<string, unknown>;

/** The comment after each line that was added or changed, by which `hauberk runtime uninstall` finds them. */
const ADDED = '# hauberk: added';
const CHANGED = '# hauberk: was ';
/** A changed value: what it is, what it was, and the comment that stood there before. */
const CHANGED_LINE =
  /^(?<value>.*?) # hauberk: was (?<former>"(?:[^"\\]|\\.)*"|'[^']*'|true|false)(?<rest>[ \t]*(?:#.*)?)$/u;

/** Reads a TOML file; what is wrong is reported with file, line and column. */
export function parseToml(path: string, text: string): TomlTable {
  try {
    return parse(text, { integersAsBigInt: true });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first = ''] = error.message.split('\n');
    throw new Failure('invalid-argument', `${path}:${error.line}:${error.column}: ${first}`);
  }
}

/** The table at a path; undefined where there is none, or something else. */
export function tableAt(value: unknown, path: readonly string[]): TomlTable | undefined {
  let at = value;
  for (const part of path) at = isTable(at) ? at[part] : undefined;
  return isTable(at) ? at : undefined;
}

function isTable(value: unknown): value is TomlTable {
  return isObject(value) && !(value instanceof Date);
}

export type Setting = string | boolean;

/**
 * Sets values in one table, which is made where it is missing, and leaves every other byte as it is.
 * Fails where the text is written in a way that this cannot be done in, for example with inline tables.
 */
export function setTomlValues(
  path: string,
  text: string,
  table: readonly string[],
  values: Readonly<Record<string, Setting>>,
): string {
  const expected = withValues(parseToml(path, text), table, values);
  let edited = text;
  for (const [key, value] of Object.entries(values)) edited = setValue(edited, table, key, value);
  let result: unknown;
  try {
    result = parse(edited, { integersAsBigInt: true });
  } catch {
    result = undefined;
  }
  if (!isDeepStrictEqual(result, expected)) {
    const pairs = Object.entries(values).map(([key, value]) => `${key} = ${literal(value)}`);
    throw new Failure(
      'failed-precondition',
      `${path} is written in a way that is not edited here; add below [${table.map(keyText).join('.')}] by hand: ${pairs.join(', ')}`,
    );
  }
  return edited;
}

function setValue(text: string, table: readonly string[], key: string, value: Setting): string {
  const statements = scanToml(text);
  const header = findTable(statements, table);
  if (header === -1) return appendTable(text, table, key, value);
  const pair = findPair(statements, table, key);
  if (pair !== undefined) return replaceValue(text, pair, value);
  return insertPair(text, statements[header]!, pairsOf(statements, header).at(-1), key, value);
}

function findTable(statements: readonly TomlStatement[], table: readonly string[]): number {
  return statements.findIndex(({ kind, path }) => kind === 'table' && isDeepStrictEqual(path, table));
}

function findPair(statements: readonly TomlStatement[], table: readonly string[], key: string) {
  const header = findTable(statements, table);
  const pairs = header === -1 ? [] : pairsOf(statements, header);
  return pairs.find(({ path }) => path.length === 1 && path[0] === key);
}

function appendTable(text: string, table: readonly string[], key: string, value: Setting): string {
  const start = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  return `${start}[${table.map(keyText).join('.')}] ${ADDED}\n  ${key} = ${literal(value)} ${ADDED}\n`;
}

function insertPair(text: string, header: TomlStatement, last: TomlStatement | undefined, key: string, value: Setting) {
  const { start, end } = last ?? header;
  const indentation = /^[ \t]*/u.exec(text.slice(start))![0] + (last === undefined ? '  ' : '');
  const before = text.slice(0, end);
  const line = `${indentation}${key} = ${literal(value)} ${ADDED}\n`;
  return `${before}${before.endsWith('\n') ? '' : '\n'}${line}${text.slice(end)}`;
}

function replaceValue(text: string, { valueStart, valueEnd }: TomlStatement, value: Setting): string {
  const former = text.slice(valueStart, valueEnd);
  const after = text.slice(valueEnd);
  // For a line that was changed or added before, its original value counts.
  const isOurs = after.startsWith(` ${CHANGED}`) || after.startsWith(` ${ADDED}`);
  return `${text.slice(0, valueStart)}${literal(value)}${isOurs ? '' : ` ${CHANGED}${former}`}${after}`;
}

/** Puts another text in place of a value, without a note of it. */
export function replaceTomlValue(text: string, table: readonly string[], key: string, value: Setting): string {
  const pair = findPair(scanToml(text), table, key);
  return pair === undefined ? text : text.slice(0, pair.valueStart) + literal(value) + text.slice(pair.valueEnd);
}

/**
 * Reverts what was set here, by the comments after the lines. A value that is no longer ours has been changed by
 * somebody else, and stays.
 */
export function revertToml(text: string, isOurs: (key: string, value: unknown) => boolean): string {
  let result = '';
  let at = 0;
  const statements = scanToml(text);
  for (const [index, statement] of statements.entries()) {
    const line = text.slice(statement.start, statement.end);
    result += text.slice(at, statement.start);
    result +=
      statement.kind === 'pair' ? revertedPair(line, statement, isOurs) : revertedTable(text, statements, index);
    at = statement.end;
  }
  return result + text.slice(at);
}

function revertedPair(line: string, pair: TomlStatement, isOurs: (key: string, value: unknown) => boolean): string {
  const from = pair.valueStart - pair.start;
  const content = line.trimEnd();
  const changed = CHANGED_LINE.exec(content.slice(from))?.groups;
  if (!isAdded(line) && changed === undefined) return line;
  const value = line.slice(from, pair.valueEnd - pair.start);
  const lineEnd = line.slice(content.length);
  if (!isOurs(pair.path.join('.'), parse(`value = ${value}`).value))
    return `${line.slice(0, from)}${value}${changed?.rest ?? ''}${lineEnd}`;
  return changed === undefined ? '' : `${line.slice(0, from)}${changed.former}${changed.rest}${lineEnd}`;
}

/** A table that was added is removed, unless something else was added to it. */
function revertedTable(text: string, statements: readonly TomlStatement[], index: number): string {
  const { start, end } = statements[index]!;
  const line = text.slice(start, end);
  if (!isAdded(line)) return line;
  const hasMore = pairsOf(statements, index).some((pair) => !isAdded(text.slice(pair.start, pair.end)));
  return hasMore ? line.replace(` ${ADDED}`, '') : '';
}

function pairsOf(statements: readonly TomlStatement[], header: number): readonly TomlStatement[] {
  const next = statements.findIndex(({ kind }, index) => index > header && kind !== 'pair');
  return statements.slice(header + 1, next === -1 ? undefined : next);
}

function isAdded(line: string): boolean {
  return line.trimEnd().endsWith(` ${ADDED}`);
}

/** What a value was before it was changed here; undefined where it was not changed here. */
export function formerValue(text: string, table: readonly string[], key: string): unknown {
  const pair = findPair(scanToml(text), table, key);
  if (pair === undefined) return undefined;
  const former = CHANGED_LINE.exec(text.slice(pair.valueStart, pair.end).trimEnd())?.groups?.former;
  return former === undefined ? undefined : parse(`value = ${former}`).value;
}

/** As the parser makes them, tables without a prototype. */
function withValues(value: TomlTable, path: readonly string[], values: Readonly<Record<string, Setting>>): TomlTable {
  const [first, ...rest] = path;
  const changed = first === undefined ? values : { [first]: withValues(tableAt(value, [first]) ?? {}, rest, values) };
  return Object.assign(Object.create(null), value, changed);
}

function literal(value: Setting): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function keyText(part: string): string {
  return /^[\w-]+$/u.test(part) ? part : JSON.stringify(part);
}
