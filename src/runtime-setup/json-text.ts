import { isDeepStrictEqual } from 'node:util';
import { findNodeAtLocation, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { Failure } from '../failure.js';
import type { JsonObject } from '../json-shape.js';

/** Reads a JSON file that must be an object; what is wrong is reported with file, line and column. An empty file is an object without members. */
export function parseJsonObject(path: string, text: string): JsonObject {
  if (text.trim() === '') return {};
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [error] = errors;
  if (error !== undefined)
    throw new Failure(
      'invalid-argument',
      `${place(path, text, error.offset)}: ${words(printParseErrorCode(error.error))}`,
    );
  // Read once more by the language's own reader: the other one forgives a little.
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (problem) {
    throw new Failure('invalid-argument', `${path}: ${(problem as Error).message}`);
  }
  if (tree?.type !== 'object') throw new Failure('invalid-argument', `${path}: it must be a JSON object`);
  return value as JsonObject;
}

/**
 * Sets one member of an object, or removes it with undefined; every other byte stays as it is. The last key of the path
 * may be new, and so may the object before it.
 */
export function setJsonMember(text: string, path: readonly string[], value: unknown): string {
  const edited = editMember(text, path, value);
  const before: unknown = text.trim() === '' ? {} : JSON.parse(text);
  // A file may have a member twice, of which a reader takes the last.
  if (isDeepStrictEqual(JSON.parse(edited), withMember(before, path, value))) return edited;
  throw new Failure(
    'failed-precondition',
    `${path.join('.')} cannot be set as the file is written: is it there twice?`,
  );
}

function withMember(object: unknown, [first, ...rest]: readonly string[], value: unknown): unknown {
  if (first === undefined) return value;
  const { [first]: former, ...others } = (object ?? {}) as JsonObject;
  const member = rest.length === 0 ? value : withMember(former, rest, value);
  return member === undefined ? others : { ...others, [first]: member };
}

function editMember(text: string, path: readonly string[], value: unknown): string {
  const source = text.trim() === '' ? '{}\n' : text;
  const root = parseTree(source)!;
  const member = findNodeAtLocation(root, [...path]);
  if (value === undefined) return member === undefined ? source : removeMember(source, member.parent!);
  if (member !== undefined)
    return replace(source, member, jsonText(source, value, indentationOf(source, member.parent!)));
  const parent = findNodeAtLocation(root, path.slice(0, -1));
  const key = path.at(-1)!;
  return parent?.type === 'object'
    ? insertMember(source, parent, key, value)
    : editMember(source, path.slice(0, -1), { [key]: value });
}

function insertMember(text: string, object: Node, key: string, value: unknown): string {
  const last = object.children?.at(-1);
  const isOneLine = last !== undefined && !text.slice(object.offset, end(object)).includes('\n');
  if (isOneLine) return splice(text, end(last), end(last), `, ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  const indentation = last === undefined ? indentationOf(text, object) + unit(text) : indentationOf(text, last);
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const member = `${eol}${indentation}${JSON.stringify(key)}: ${jsonText(text, value, indentation)}`;
  if (last !== undefined) return splice(text, end(last), end(last), `,${member}`);
  return splice(text, object.offset + 1, end(object) - 1, `${member}${eol}${indentationOf(text, object)}`);
}

/** With the comma before it, or behind it if it is the first; an object without members is `{}`. */
function removeMember(text: string, member: Node): string {
  const { children = [], offset } = member.parent!;
  const index = children.indexOf(member);
  if (children.length === 1) return splice(text, offset + 1, end(member.parent!) - 1, '');
  const previous = children[index - 1];
  if (previous !== undefined) return splice(text, end(previous), end(member), '');
  return splice(text, member.offset, children[1]!.offset, '');
}

function replace(text: string, node: Node, by: string): string {
  return splice(text, node.offset, end(node), by);
}

function splice(text: string, from: number, to: number, by: string): string {
  return text.slice(0, from) + by + text.slice(to);
}

function end({ offset, length }: Node): number {
  return offset + length;
}

function jsonText(text: string, value: unknown, indentation: string): string {
  return JSON.stringify(value, undefined, unit(text)).replaceAll(
    '\n',
    `${text.includes('\r\n') ? '\r\n' : '\n'}${indentation}`,
  );
}

/** The blanks at the start of the line that a node starts on. */
function indentationOf(text: string, { offset }: Node): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1);
  return /^[ \t]*/u.exec(line)![0];
}

/** What the file is indented by. */
function unit(text: string): string {
  return /^[ \t]*\{[ \t]*\r?\n([ \t]+)/u.exec(text)?.[1] ?? '  ';
}

/** FILE:LINE:COLUMN, both counted from 1. */
export function place(path: string, text: string, offset: number): string {
  const lines = text.slice(0, offset).split('\n');
  return `${path}:${lines.length}:${lines.at(-1)!.length + 1}`;
}

/** `CommaExpected` as `comma expected`. */
function words(code: string): string {
  return code.replace(/(?<=[a-z])[A-Z]/gu, (letter) => ` ${letter.toLowerCase()}`).toLowerCase();
}
