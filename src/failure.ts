/** Why a request cannot be met. The names follow gRPC's, but the domain knows nothing of gRPC. */
export type FailureCode =
  | 'invalid-argument'
  | 'not-found'
  | 'already-exists'
  | 'failed-precondition'
  | 'aborted'
  | 'resource-exhausted'
  | 'unavailable'
  | 'internal';

/** One thing that is wrong with the input. */
export interface Problem {
  /** Path of the field, for example `spec.file.matchPaths[0].path`; for a request field its proto name. */
  readonly field: string;
  readonly description: string;
  /** Position in the YAML text, both counted from 1; absent where the input was not YAML. */
  readonly line?: number;
  readonly column?: number;
  /** The number of unlisted problems that it stands for. */
  readonly more?: number;
}

/** The one error class of the domain. `message` is safe to show to a client; `cause` is for the log only. */
export class Failure extends Error {
  override readonly name = 'Failure';

  constructor(
    readonly code: FailureCode,
    message: string,
    readonly problems: readonly Problem[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Turns anything thrown into a Failure; any other error becomes `internal` with its text hidden. */
  static from(thrown: unknown): Failure {
    if (thrown instanceof Failure) return thrown;
    return new Failure('internal', 'internal error, see the log of hauberkd', [], { cause: thrown });
  }
}

/** The failure for bad input: its message names every problem, with line and column where there is one. */
export function invalidInput(problems: readonly Problem[]): Failure {
  const lines = problems.map((problem) => {
    const place = problem.line === undefined ? '' : `line ${problem.line}, column ${problem.column}: `;
    return `${place}${problem.field}: ${problem.description}`;
  });
  return new Failure('invalid-argument', lines.join('\n'), problems);
}
