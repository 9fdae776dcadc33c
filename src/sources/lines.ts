import { StringDecoder } from 'node:string_decoder';

const LINE_LENGTH_MAX = 1024 * 1024;

/**
 * Reads lines as they come: unlike with `node:readline`, lines that come before somebody waits for them are not lost.
 *
 * @param onEnd called once, with the error if there was one
 */
export function readLines(
  stream: NodeJS.ReadableStream,
  onLine: (line: string) => void,
  onEnd: (error?: Error) => void,
): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line !== '') onLine(line);
    if (rest.length > LINE_LENGTH_MAX) onEnd(new Error(`a line is longer than ${LINE_LENGTH_MAX} characters`));
  });
  stream.on('error', onEnd);
  stream.on('end', () => onEnd());
  stream.on('close', () => onEnd());
}
