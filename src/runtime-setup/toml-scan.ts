import { parse } from 'smol-toml';

/**
 * The positions of the statements in a TOML text. The text has been parsed, so that its syntax is known to be right.
 */
export interface TomlStatement {
  readonly kind: 'table' | 'array-of-tables' | 'pair';
  /** Of a table its whole path, of a pair its key as written, both as parts without quotes. */
  readonly path: readonly string[];
  /** The lines it stands on, from the first character to behind the last line end. */
  readonly start: number;
  readonly end: number;
  /** Of a pair: its value. Of a table: what is between the brackets. */
  readonly valueStart: number;
  readonly valueEnd: number;
}

export function scanToml(text: string): TomlStatement[] {
  const statements: TomlStatement[] = [];
  for (let at = 0; at < text.length; ) {
    const start = at;
    at = skipBlanks(text, at);
    const first = text[at];
    if (first === undefined || first === '#' || first === '\n' || first === '\r') {
      at = behindLine(text, at);
      continue;
    }
    const isArray = text.startsWith('[[', at);
    const isTable = !isArray && first === '[';
    if (isTable) at += 1;
    if (isArray) at += 2;
    const keyStart = at;
    const key = scanKey(text, at);
    at = key.end;
    if (isTable || isArray) {
      const end = behindLine(text, at);
      const kind = isArray ? 'array-of-tables' : 'table';
      statements.push({ kind, path: key.path, start, end, valueStart: keyStart, valueEnd: at });
      at = end;
    } else {
      const valueStart = skipBlanks(text, at + 1);
      const valueEnd = scanValue(text, valueStart);
      const end = behindLine(text, valueEnd);
      statements.push({ kind: 'pair', path: key.path, start, end, valueStart, valueEnd });
      at = end;
    }
  }
  return statements;
}

/** A key with its dots and quotes, up to the `=` or `]` behind it. */
function scanKey(text: string, from: number): { path: string[]; end: number } {
  const path: string[] = [];
  let at = skipBlanks(text, from);
  for (;;) {
    const quote = text[at];
    if (quote === '"' || quote === "'") {
      const end = behindString(text, at);
      const raw = text.slice(at, end);
      path.push(...Object.keys(parse(`${raw} = 0`)));
      at = end;
    } else {
      const bare = /[\w-]*/uy;
      bare.lastIndex = at;
      const [part = ''] = bare.exec(text) ?? [];
      path.push(part);
      at += part.length;
    }
    at = skipBlanks(text, at);
    if (text[at] !== '.') return { path, end: at };
    at = skipBlanks(text, at + 1);
  }
}

/** Behind a value: a string, an array or inline table over any number of lines, or a plain word. */
function scanValue(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; ) {
    const character = text[at]!;
    if (character === '"' || character === "'") {
      at = behindString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') {
      depth--;
      if (depth === 0) return at + 1;
    } else if (character === '#') {
      if (depth === 0) return trimmedEnd(text, from, at);
      at = behindLine(text, at);
      continue;
    } else if (character === '\n' && depth === 0) return trimmedEnd(text, from, at);
    at++;
  }
  return trimmedEnd(text, from, text.length);
}

function behindString(text: string, from: number): number {
  const quote = text[from]!;
  const isLong = text.startsWith(quote.repeat(3), from);
  const delimiter = isLong ? quote.repeat(3) : quote;
  let at = from + delimiter.length;
  while (at < text.length && !text.startsWith(delimiter, at)) at += quote === '"' && text[at] === '\\' ? 2 : 1;
  at += delimiter.length;
  // A long string may end with quotes of its own.
  while (isLong && text[at] === quote) at++;
  return at;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t') at++;
  return at;
}

function behindLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end + 1;
}

function trimmedEnd(text: string, from: number, to: number): number {
  return from + text.slice(from, to).trimEnd().length;
}
