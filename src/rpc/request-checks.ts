import { invalidInput, type Problem } from '../failure.js';

/** Collects what is wrong with a request, so that the client gets everything at once. Fields are proto names. */
export class RequestChecks {
  readonly #problems: Problem[] = [];

  /** Records a problem unless the condition holds. */
  require(condition: boolean, field: string, description: string): void {
    if (!condition && !this.isFull) this.#problems.push({ field, description });
  }

  /** Whether the limit of recorded problems is reached. */
  get isFull(): boolean {
    return this.#problems.length >= PROBLEMS_MAX;
  }

  /** Throws the Failure invalid-argument if any problem was noted. */
  done(): void {
    if (this.#problems.length > 0) throw invalidInput(this.#problems);
  }

  /** A text for people and for matching: not empty, one line, of limited length. */
  text(value: string, field: string, lengthMax: number): void {
    this.require(value !== '', field, MUST_NOT_BE_EMPTY);
    this.optionalText(value, field, lengthMax);
  }

  optionalText(value: string, field: string, lengthMax: number): void {
    this.require(value.length <= lengthMax, field, `is longer than ${lengthMax} characters`);
    this.require(!/\p{Cc}/u.test(value), field, 'must not contain control characters');
  }

  labels(labels: Readonly<Record<string, string>>, field: string): void {
    for (const [key, value] of Object.entries(labels)) {
      this.require(key !== '', field, 'must not contain an empty key');
      const entry = `${field}[${JSON.stringify(key.slice(0, SHOWN_CHARACTERS))}]`;
      this.require(key.length <= LABEL_LENGTH_MAX, entry, `the key is longer than ${LABEL_LENGTH_MAX} characters`);
      this.require(!/\p{Cc}/u.test(key), entry, 'the key must not contain control characters');
      this.optionalText(value, entry, LABEL_LENGTH_MAX);
    }
  }
}

/** Nobody reads more. */
const PROBLEMS_MAX = 100;

export const MUST_NOT_BE_EMPTY = 'must not be empty';

// Docker's labels carry whole paths and lists: far more than Kubernetes takes.
const LABEL_LENGTH_MAX = 4096;
const SHOWN_CHARACTERS = 64;
