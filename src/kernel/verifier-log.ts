/**
 * The verifier logs every path it follows, and at the end what it rejects. Kernels before 6.4 fail if the buffer is too
 * small, so it is large; unused parts take no memory.
 */
const LOG_BYTES = 16 * 1024 * 1024;
/** The verifiers of 7.x add several lines on where the problem is and what may help. */
const LINES_SHOWN = 24;
/** No more than a link on a BPF file system can hold, escaped: see missing-programs.ts. */
const CHARACTERS_SHOWN = 1700;

/** The kernel's log about a program that it refuses. Must live until the object is loaded. */
export class VerifierLog {
  /** libbpf loads one program after another and stops at the first that is refused: one buffer serves all. */
  readonly buffer = Buffer.alloc(LOG_BYTES);

  /** The last lines; empty when nothing was refused. */
  get lastLines(): string {
    const end = this.buffer.indexOf(0);
    // Only the end of a long log is converted to text.
    const text = this.buffer.subarray(Math.max(0, end - LOG_BYTES_SHOWN), end < 0 ? LOG_BYTES : end).toString('latin1');
    return lastLinesOf(text);
  }
}

/** Longer than the lines that are shown. */
const LOG_BYTES_SHOWN = 16 * 1024;

/** The end of a log, in whole lines of plain characters as far as they fit. */
export function lastLinesOf(text: string): string {
  const lines = text
    .replace(/[^\x20-\x7e\n]/gu, '?')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-LINES_SHOWN);
  while (lines.length > 1 && lines.join('\n').length > CHARACTERS_SHOWN) lines.shift();
  return lines.join('\n').slice(-CHARACTERS_SHOWN);
}
