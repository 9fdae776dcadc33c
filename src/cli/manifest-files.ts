import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { HauberkError, Violation } from '../client/messages.js';
import type { Problem } from '../failure.js';
import { CommandFailure, EXIT } from './exit-status.js';
import { fileProblem } from './file-problem.js';
import { terminal } from './terminal.js';

const MANIFEST_NAME = /\.(?:ya?ml|json)$/u;
/** Files for `hauberk test`, which are beside manifests but are not manifests. */
const CASES_NAME = /\.test\.(?:ya?ml|json)$/u;
const STANDARD_INPUT = '-';
/** Of a list that ends before the problems do. */
const INCOMPLETE = /^(?:has )?\d+ more\b.* not listed$|: the rest was not read\b/u;
const PLACED = /^line (\d+), column (\d+): (.*)$/su;
/** The other place that a problem is about. */
const OTHER_PLACE = /, first at line (\d+), column (\d+)$/u;

interface Part {
  readonly name: string;
  /** The line of the joined text where the file begins, counted from 1. */
  readonly firstLine: number;
}

/** Manifests of several files as one text of many documents, which is applied as a whole. */
export class ManifestFiles {
  readonly text: string;
  readonly #parts: readonly Part[];

  /** @param places files, directories (with all manifests below them) or `-` for standard input */
  constructor(places: readonly string[], onRead: (read: number, total: number) => void = () => undefined) {
    const names = places.flatMap((place) => filesAt(place, isManifest));
    if (names.length === 0) throw new CommandFailure(EXIT.refused, `no manifests in ${places.join(', ')}`);
    const parts: Part[] = [];
    let text = '';
    let line = 1;
    for (const [index, name] of names.entries()) {
      // After an end of a document, unlike after `---`, directives may stand.
      const content = `${index > 0 ? '...\n' : ''}${readManifest(name)}`;
      const ended = content.endsWith('\n') ? content : `${content}\n`;
      parts.push({ name: name === STANDARD_INPUT ? 'standard input' : name, firstLine: line + Number(index > 0) });
      text += ended;
      line += ended.split('\n').length - 1;
      onRead(index + 1, names.length);
    }
    this.text = text;
    this.#parts = parts;
  }

  get count(): number {
    return this.#parts.length;
  }

  /** A remark of the daemon, with the place in a file after it. */
  remark(warning: string): string {
    const [, line, column, text] = PLACED.exec(warning) ?? [];
    return line === undefined ? warning : `${text} (${this.#placeOf(Number(line))}:${column})`;
  }

  /** All problems, a line each: the daemon lists only some. */
  async explainAll(error: HauberkError, ignoreForeign: boolean): Promise<string[]> {
    const listed = this.explain(error);
    if (!error.violations.some(({ description }) => INCOMPLETE.test(description))) return listed;
    const { problemsOf } = await import('./manifest-problems.js');
    const all = problemsOf(this.text, ignoreForeign).map((problem) => this.place(problem));
    // A daemon of another version may find other problems than this command.
    return all.length < listed.length ? listed : all;
  }

  /** The problems the daemon found, a line each, with their file, line and column. */
  explain(error: HauberkError): string[] {
    if (error.violations.length === 0) return [error.message];
    return error.violations.map((violation) => this.#explainOne(violation));
  }

  /** A problem that this command has found itself, with the file, line and column it is at. */
  place({ field, description, line, column }: Problem): string {
    return this.#explainOne({
      field,
      description: line === undefined ? description : `line ${line}, column ${column}: ${description}`,
    });
  }

  #explainOne({ field, description }: Violation): string {
    const name = field.replace(/^document \d+: /u, '');
    const [, line, column, text] = PLACED.exec(description) ?? [];
    if (line === undefined) return name === '' ? description : `${name}: ${description}`;
    const explained = text!.replace(
      OTHER_PLACE,
      (_, first: string, at: string) => `, first at ${this.#placeOf(Number(first))}:${at}`,
    );
    return `${this.#placeOf(Number(line))}:${column}: ${name}: ${explained}`;
  }

  /** File and line for a line of the joined text. */
  #placeOf(line: number): string {
    const part = this.#parts.findLast(({ firstLine }) => firstLine <= line) ?? this.#parts[0]!;
    return `${part.name}:${line - part.firstLine + 1}`;
  }
}

export function isCases(name: string): boolean {
  return CASES_NAME.test(name);
}

export function isManifest(name: string): boolean {
  return MANIFEST_NAME.test(name) && !isCases(name);
}

/** A file with any name, or the files below a directory whose names match. */
export function filesAt(place: string, isWanted: (name: string) => boolean): string[] {
  if (place === STANDARD_INPUT || !statOf(place).isDirectory()) return [place];
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && isWanted(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function statOf(place: string) {
  try {
    return statSync(place);
  } catch (error) {
    throw new CommandFailure(EXIT.refused, fileProblem(error));
  }
}

/** Without a byte order mark, which may stand at the beginning of a text only. */
function readManifest(name: string): string {
  try {
    const text = name === STANDARD_INPUT ? terminal().input() : readFileSync(name, 'utf8');
    return text.replace(/^\uFEFF/u, '');
  } catch (error) {
    throw new CommandFailure(EXIT.refused, fileProblem(error));
  }
}
