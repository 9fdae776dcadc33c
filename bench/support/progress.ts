/** Reports progress to standard error; only figures go to standard output. */
export function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}
