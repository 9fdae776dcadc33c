import type { ExportedLine, Sink } from './sink.js';

/** Lines of JSON on standard output, between those of the log. */
export class StdoutSink implements Sink {
  write(lines: readonly ExportedLine[]): Promise<void> {
    return new Promise((resolve, reject) => {
      process.stdout.write(lines.map(({ text }) => `${text}\n`).join(''), (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  close(): void {
    // It is not ours to close.
  }
}
