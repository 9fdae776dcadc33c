/** Tells the reader of standard error what is continuing; figures alone go to standard output. */
export function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}
