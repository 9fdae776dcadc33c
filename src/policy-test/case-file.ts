import type { ValidateFunction } from 'ajv';
import { invalidInput, type Problem } from '../failure.js';
import { validateCaseFile } from '../generated/case-file-validator.js';
import { type FieldPath, fieldName } from '../policy/finding.js';
import type { Postures } from '../policy/model.js';
import { type Position, YamlPositions } from '../policy/yaml-positions.js';
import { parseYamlStream } from '../policy/yaml-stream.js';

/** One access by one container, and what is expected to be decided. Fields are those of hauberk.v1.ExplainRequest. */
export interface Case {
  readonly name?: string;
  readonly container: CaseContainer;
  readonly program?: string;
  readonly parentProgram?: string;
  readonly operation: string;
  readonly object?: string;
  readonly newPath?: string;
  readonly filesystem?: string;
  readonly notOwner?: boolean;
  readonly terminal?: boolean;
  readonly arguments?: readonly string[];
  readonly socket?: {
    readonly family?: string;
    readonly type?: string;
    readonly protocol?: number;
    readonly direction?: 'egress' | 'ingress';
    readonly port?: number;
    readonly address?: string;
    readonly name?: string;
  };
  readonly expect: Expectation;
}

/** The container whose process makes the access. */
export interface CaseContainer {
  /** `default` when left out. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The host's own processes, by the labels of the host. */
  readonly host?: boolean;
  /** Its top directories that are links, with where they lead: `/bin: /usr/bin`. Rules for either name hold then. */
  readonly links?: Readonly<Record<string, string>>;
}

export interface Expectation {
  readonly action: 'allow' | 'audit' | 'block';
  /** `NAMESPACE/POLICY RULE`, `posture` or `nothing`; not checked when left out. */
  readonly rule?: string;
  /** Whether a policy in audit mode decides, and would have refused. */
  readonly wouldBlock?: boolean;
}

/** The postures of a namespace, for accesses that no rule matches. */
export type CasePostures = Partial<Postures>;

export interface CaseFile {
  /** Manifests: files or directories, from where the file lies; all beside it when left out. */
  readonly policies?: readonly string[];
  readonly postures?: CasePostures;
  readonly cases: readonly PlacedCase[];
}

export interface PlacedCase extends Case {
  /** Where it begins, counted from 1. */
  readonly line: number;
}

const validate = validateCaseFile as unknown as ValidateFunction<CaseFile>;

/** @throws Failure invalid-argument with every problem, each with its field, line and column */
export function readCases(content: string): CaseFile {
  const { documents, lines } = parseYamlStream(content);
  const [document, ...others] = documents.filter(({ contents, errors }) => contents !== null || errors.length > 0);
  if (document === undefined) throw invalidInput([{ field: 'cases', description: 'there are none' }]);
  if (others.length > 0) throw invalidInput([{ field: 'cases', description: 'must be in one document' }]);
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ message, pos: [offset] }) => {
      const { line, col } = lines.linePos(offset);
      return { field: 'cases', description: `is not valid YAML: ${message}`, line, column: col };
    });
    throw invalidInput(problems);
  }
  const value: unknown = document.toJS();
  const positions = new YamlPositions(document, lines);
  const placeOf: PlaceOf = (path, fault = 'value') => positions.of({ path, fault });
  if (!validate(value)) throw invalidInput(problemsOf(placeOf));
  return { ...value, cases: value.cases.map((each, index) => ({ ...each, line: placeOf(['cases', index]).line })) };
}

type PlaceOf = (path: FieldPath, fault?: 'key' | 'value') => Position;

function problemsOf(placeOf: PlaceOf): Problem[] {
  return (validate.errors ?? []).map(({ instancePath, keyword, params, message }) => {
    const steps = instancePath.split('/').slice(1).map(unescaped);
    const extra = keyword === 'additionalProperties' ? [String(params.additionalProperty)] : [];
    const path = [...steps, ...extra].map((step) => (/^\d+$/u.test(step) ? Number(step) : step));
    const problem = extra.length > 0 ? 'is not a field there' : messageFor(keyword, params, message ?? '');
    return {
      field: path.length === 0 ? 'file' : fieldName(path),
      description: problem,
      ...placeOf(path, extra.length > 0 ? 'key' : 'value'),
    };
  });
}

function messageFor(keyword: string, params: Record<string, unknown>, message: string): string {
  if (keyword === 'enum') return `must be one of ${(params.allowedValues as string[]).join(', ')}`;
  if (keyword === 'required') return `${String(params.missingProperty)} is missing`;
  return message;
}

/** A step of a JSON pointer. */
function unescaped(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}
