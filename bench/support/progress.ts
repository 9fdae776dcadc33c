/** Tells the reader of standard error what is going on; figures alone go to standard output. */
export function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}
