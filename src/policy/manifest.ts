import type { Document, LineCounter } from 'yaml';
import { isScalar } from 'yaml';
import { counted } from '../counted.js';
import type { Problem } from '../failure.js';
import { invalidInput } from '../failure.js';
import { type FieldPath, type Finding, fieldName, quote } from './finding.js';
import { templatesIn } from './helm-templates.js';
import type { Policy } from './model.js';
import { policyKey } from './model.js';
import type { PolicyDocument } from './policy-document.js';
import { examine, foreignKindOf } from './validate.js';
import type { ReadOptions } from './value-checks.js';
import { remarksOn, remarkText } from './warnings.js';
import { type Position, positionAt, YamlPositions } from './yaml-positions.js';
import { parseYamlStream } from './yaml-stream.js';
import { checkStructure } from './yaml-structure.js';

export interface ManifestDocument {
  readonly policy: Policy;
  /** Which document of the manifest it is in, counted from 1; empty documents do not count. */
  readonly document: number;
  /** What was accepted but is probably not meant, with line and column. */
  readonly warnings: readonly string[];
}

export interface PlacedDocument extends ManifestDocument {
  /** Where a field of the policy stands in the text. */
  readonly positionOf: (path: FieldPath) => Position;
}

export interface ManifestOptions extends ReadOptions {
  /** Other kinds of Kubernetes objects are skipped. */
  readonly ignoreForeign?: boolean;
  /** How many problems are listed, and how many errors of YAML end the reading; PROBLEMS_MAX when left out. */
  readonly problemsMax?: number;
}

export interface Manifest {
  readonly documents: readonly PlacedDocument[];
  /** What was skipped: API version and kind of each. */
  readonly foreign: readonly string[];
}

/** A client can repair no more than that at once, and a hostile text must not grow the answer. */
export const PROBLEMS_MAX = 100;

const REST_UNREAD = { field: 'manifest', description: 'the rest was not read, after so many errors' };

/**
 * Reads the policies of a manifest: YAML, one or several documents, empty ones skipped; a `List` is read item by item.
 * All or nothing.
 * @throws Failure invalid-argument with the problems of all documents, each with its field, line and column; in a
 *   manifest of several documents a field is prefixed with `document 2: `
 */
export function readManifest(text: string, options: ManifestOptions = {}): ManifestDocument[] {
  return readPlacedManifest(text, options).documents.map(({ policy, document, warnings }) => ({
    policy,
    document,
    warnings,
  }));
}

/** The same, with the positions of fields and what was skipped. */
export function readPlacedManifest(text: string, options: ManifestOptions = {}): Manifest {
  const { problemsMax = PROBLEMS_MAX } = options;
  const { documents, lines, unreadFrom } = parseYamlStream(text, problemsMax);
  const filled = documents.filter((document) => !isEmpty(document));
  const templates = templatesIn(
    text,
    filled.map(({ range }) => range[0]),
  );
  const problems: Problem[] = [];
  const read: PlacedDocument[] = [];
  const foreign: string[] = [];
  const firstNamed = new Map<string, Position>();
  const firstOld = filled.findIndex(isOldYaml);
  for (const [index, source] of filled.entries()) {
    // The parser keeps the version for later documents, which need not say it.
    if (firstOld >= 0 && index > firstOld && isOldYaml(source)) continue;
    const prefix = filled.length > 1 ? `document ${index + 1}: ` : '';
    const report = (found: readonly Problem[]) => {
      for (const problem of found) problems.push({ ...problem, field: prefix + problem.field });
    };
    const result = readDocument(source, lines, options);
    const left = templates[index]!.map(({ offset, description }) => ({ ...positionAt(lines, offset), description }));
    // What a template stands for is not known; its other problems follow from that.
    if (result.problems.length > 0 && left.length > 0) {
      report(left.map((problem) => ({ field: 'manifest', ...problem })));
      continue;
    }
    report(result.problems);
    foreign.push(...result.foreign);
    for (const { policy, warnings, positionOf } of result.policies) {
      const key = policyKey(policy);
      const position = positionOf(['metadata', 'name']);
      const first = firstNamed.get(key);
      if (first !== undefined) {
        const description = `policy ${quote(key)} is given twice, first at line ${first.line}, column ${first.column}`;
        report([{ field: 'metadata.name', description, ...position }]);
      }
      firstNamed.set(key, first ?? position);
      const remarks = left.map(({ description, ...position }) => placed(position, description));
      read.push({ policy, document: index + 1, warnings: [...warnings, ...remarks], positionOf });
    }
  }
  if (read.length + foreign.length + problems.length === 0) {
    problems.push({ field: 'manifest', description: 'holds no policy' });
  }
  const unread = unreadFrom === undefined ? [] : [{ ...REST_UNREAD, ...positionAt(lines, unreadFrom) }];
  if (problems.length > 0)
    throw invalidInput([...problems.slice(0, problemsMax), ...unread, ...unlisted(problems, problemsMax)]);
  return { documents: read, foreign };
}

interface DocumentResult {
  readonly policies: readonly Omit<PlacedDocument, 'document'>[];
  readonly problems: readonly Problem[];
  readonly foreign: readonly string[];
}

const isOldYaml = ({ directives }: Document.Parsed) => directives.yaml.version === '1.1';

const refused = (problems: readonly Problem[]): DocumentResult => ({ policies: [], problems, foreign: [] });

function readDocument(document: Document.Parsed, lines: LineCounter, options: ManifestOptions): DocumentResult {
  if (document.errors.length > 0) {
    return refused(
      document.errors.map(({ message, pos }) => ({
        field: 'manifest',
        description: `is not valid YAML: ${message}`,
        ...positionAt(lines, pos[0]),
      })),
    );
  }
  if (isOldYaml(document)) {
    // Its merge keys and its booleans such as `yes` would give the same text another meaning.
    const description = 'is YAML 1.1; only YAML 1.2 is read';
    return refused([{ field: 'manifest', description, ...positionAt(lines, document.range[0]) }]);
  }
  const structure = checkStructure(document);
  if (structure.some(({ isFatal }) => isFatal)) {
    // With a broken alias there is no value to examine; a key given twice leaves one.
    return refused(placeAll(document, lines, structure));
  }
  // The structure has bounded the aliases already, all of them together rather than one by one.
  const value: unknown = document.toJS({ maxAliasCount: -1 });
  const positions = new YamlPositions(document, lines);
  const examined: Finding[] = [];
  const skipped: FieldPath[] = [];
  const policies: Omit<PlacedDocument, 'document'>[] = [];
  const foreign: string[] = [];
  const ignored = document.warnings.map(({ message, pos }) => placed(positionAt(lines, pos[0]), message));
  for (const [path, each] of objectsIn(value)) {
    const kind = foreignKindOf(each);
    if (options.ignoreForeign && kind !== undefined) {
      foreign.push(kind);
      skipped.push(path);
      continue;
    }
    const { policy, findings: found = [], writtenPath } = examine(each, options, 'required');
    examined.push(...withoutConsequences(found, structure, path));
    if (policy === undefined) continue;
    const writtenAt = (field: FieldPath) => positions.of({ path: [...path, ...field], fault: 'value' });
    const remarks = remarksOn(policy, each as PolicyDocument);
    const warnings = remarks.map((remark) => placed(writtenAt(remark.path), remarkText(remark)));
    const positionOf = (field: FieldPath) => writtenAt(writtenPath(field));
    policies.push({ policy, warnings: [...ignored, ...warnings], positionOf });
  }
  const ofPolicies = structure.filter(({ path }) => !skipped.some((object) => isWithin(path, object)));
  const findings = [...ofPolicies, ...examined];
  return { policies: findings.length > 0 ? [] : policies, problems: placeAll(document, lines, findings), foreign };
}

/** The objects of a document: itself or, of a list as `kubectl get` prints it, its items; with where they stand. */
function* objectsIn(value: unknown): Generator<[path: FieldPath, object: unknown]> {
  const { kind, items } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)) {
    for (const [index, item] of items.entries()) yield [['items', index], item];
  } else {
    yield [[], value];
  }
}

/** The findings without those that follow from a merge key, which is reported already. */
function withoutConsequences(found: readonly Finding[], structure: readonly Finding[], path: FieldPath): Finding[] {
  const merged = structure.filter((finding) => finding.path.at(-1) === '<<').map((each) => parentOf(each.path));
  return found
    .map((finding) => ({ ...finding, path: [...path, ...finding.path] }))
    .filter((finding) => finding.path.at(-1) !== '<<' && !merged.includes(parentOf(finding.path)));
}

/** Whether a field is in an object, except for what says of which kind the object is. */
function isWithin(path: FieldPath, object: FieldPath): boolean {
  if (!object.every((step, place) => path[place] === step)) return false;
  return path.length > object.length + 1 || !['apiVersion', 'kind'].includes(String(path[object.length]));
}

function parentOf(path: FieldPath): string {
  return fieldName(path.slice(0, -1));
}

/** A sentence with the place in the text that it is about. */
export function placed({ line, column }: Position, sentence: string): string {
  return `line ${line}, column ${column}: ${sentence}`;
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

/** Stands for the problems beyond the limit. */
function unlisted(problems: readonly Problem[], most: number): Problem[] {
  const more = problems.length - most;
  if (more <= 0) return [];
  return [{ field: 'manifest', description: `has ${counted(more, 'more problem')}, not listed`, more }];
}
