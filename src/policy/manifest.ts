import type { Document, LineCounter } from 'yaml';
import { isScalar } from 'yaml';
import type { Problem } from '../failure.js';
import { invalidInput } from '../failure.js';
import type { Finding } from './finding.js';
import { fieldName, quote } from './finding.js';
import type { Policy } from './model.js';
import { policyKey } from './model.js';
import type { PolicyDocument } from './policy-document.js';
import { examine, warningsOf } from './validate.js';
import type { ReadOptions } from './value-checks.js';
import { positionAt, YamlPositions } from './yaml-positions.js';
import { parseYamlStream } from './yaml-stream.js';
import { checkStructure } from './yaml-structure.js';

export interface ManifestDocument {
  readonly policy: Policy;
  /** Which policy of the manifest it is, counted from 1; empty documents do not count. */
  readonly document: number;
  /** What was accepted but is probably not meant. */
  readonly warnings: readonly string[];
}

/** A client can repair no more than that at once, and a hostile text must not grow the answer. */
export const PROBLEMS_MAX = 100;

/**
 * Reads the policies of a manifest: YAML, one or several documents, empty ones skipped. All or nothing.
 * @throws Failure invalid-argument with the problems of all documents, each with its field, line and column; in a
 *   manifest of several documents a field is prefixed with `document 2: `
 */
export function readManifest(text: string, options: ReadOptions): ManifestDocument[] {
  const { documents, lines } = parseYamlStream(text);
  const filled = documents.filter((document) => !isEmpty(document));
  const problems: Problem[] = [];
  const read: ManifestDocument[] = [];
  const firstNamed = new Map<string, number>();
  for (const [index, source] of filled.entries()) {
    const prefix = filled.length > 1 ? `document ${index + 1}: ` : '';
    const report = (found: readonly Problem[]) => {
      for (const problem of found) problems.push({ ...problem, field: prefix + problem.field });
    };
    const result = readDocument(source, lines, options);
    if (result.policy === undefined) {
      report(result.problems);
      continue;
    }
    const key = policyKey(result.policy);
    const first = firstNamed.get(key);
    if (first !== undefined) {
      const description = `policy ${quote(key)} is given twice, first by document ${first}`;
      report(placeAll(source, lines, [{ path: ['metadata', 'name'], description, fault: 'value' }]));
    }
    firstNamed.set(key, first ?? index + 1);
    read.push({ policy: result.policy, document: index + 1, warnings: result.warnings });
  }
  if (filled.length === 0) problems.push({ field: 'manifest', description: 'holds no policy' });
  if (problems.length > 0) throw invalidInput(limit(problems));
  return read;
}

type DocumentResult =
  | { readonly policy: Policy; readonly warnings: readonly string[] }
  | { readonly policy?: undefined; readonly problems: readonly Problem[] };

function readDocument(document: Document.Parsed, lines: LineCounter, options: ReadOptions): DocumentResult {
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ message, pos }) => ({
      field: 'manifest',
      description: `is not valid YAML: ${message}`,
      ...positionAt(lines, pos[0]),
    }));
    return { problems };
  }
  if (document.directives.yaml.version === '1.1') {
    // Its merge keys and its truths such as `yes` would give the same text another meaning.
    return { problems: [{ field: 'manifest', description: 'is YAML 1.1; only YAML 1.2 is read' }] };
  }
  const structure = checkStructure(document);
  if (structure.some(({ fault }) => fault === 'value')) {
    // With a broken alias there is no value to examine; a key given twice leaves one.
    return { problems: placeAll(document, lines, structure) };
  }
  // The structure has bounded the aliases already, all of them together rather than one by one.
  const value: unknown = document.toJS({ maxAliasCount: -1 });
  const examined = examine(value, options, 'required');
  const findings = [...structure, ...(examined.findings ?? [])];
  if (examined.policy === undefined || findings.length > 0) return { problems: placeAll(document, lines, findings) };
  const ignored = document.warnings.map(({ message, pos }) => {
    const { line, column } = positionAt(lines, pos[0]);
    return `line ${line}, column ${column}: ${message}`;
  });
  return { policy: examined.policy, warnings: [...ignored, ...warningsOf(examined.policy, value as PolicyDocument)] };
}

function isEmpty({ contents, errors }: Document.Parsed): boolean {
  return errors.length === 0 && (contents === null || (isScalar(contents) && contents.value === null));
}

function placeAll(document: Document.Parsed, lines: LineCounter, findings: readonly Finding[]) {
  const positions = new YamlPositions(document, lines);
  const problems = findings.map((finding) => ({
    field: fieldName(finding.path),
    description: finding.description,
    ...positions.of(finding),
  }));
  return problems.sort((a, b) => a.line - b.line || a.column - b.column);
}

function limit(problems: readonly Problem[]): readonly Problem[] {
  const left = problems.length - PROBLEMS_MAX;
  if (left <= 0) return problems;
  const description = `has ${left} more ${left === 1 ? 'problem' : 'problems'}, not listed`;
  return [...problems.slice(0, PROBLEMS_MAX), { field: 'manifest', description, more: left }];
}
