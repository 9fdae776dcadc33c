/** How long lines of one kind are counted before the count is written. */
const SUM_MILLISECONDS = 10_000;
/** This many kinds are distinguished at a time; all further ones share one line. */
const KINDS_MAX = 256;
const ALL_OTHERS = '';

type Write = (fields: object, message: string) => void;

interface Kind {
  readonly write: (repeated: number) => void;
  repeated: number;
}

/**
 * Keeps a log readable even if somebody floods it: the first line of a kind is written at once, and then every ten
 * seconds one with the number of lines since.
 */
export class Repeats {
  readonly #kinds = new Map<string, Kind>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly milliseconds = SUM_MILLISECONDS) {}

  /** @param kind equal for lines of which one stands for all */
  write(kind: string, write: Write, fields: object, message: string): void {
    const known = this.#kinds.get(kind) ?? (this.#kinds.size >= KINDS_MAX ? this.#kinds.get(ALL_OTHERS) : undefined);
    if (known !== undefined) {
      known.repeated++;
      return;
    }
    const key = this.#kinds.size >= KINDS_MAX ? ALL_OTHERS : kind;
    write(fields, message);
    this.#kinds.set(key, { write: (repeated) => write({ ...fields, repeated }, message), repeated: 0 });
    this.#timer ??= setTimeout(() => this.#sumUp(), this.milliseconds).unref();
  }

  /** Writes what was counted; from then on lines are written at once. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { write, repeated } of this.#kinds.values()) if (repeated > 0) write(repeated);
    this.#kinds.clear();
  }

  /** A kind that was quiet is forgotten: its next line counts as the first. */
  #sumUp(): void {
    this.#timer = undefined;
    for (const [key, kind] of this.#kinds) {
      if (kind.repeated === 0) this.#kinds.delete(key);
      else kind.write(kind.repeated);
      kind.repeated = 0;
    }
    if (this.#kinds.size > 0) this.#timer = setTimeout(() => this.#sumUp(), this.milliseconds).unref();
  }
}
