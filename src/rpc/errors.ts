import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { Failure, type FailureCode, type Problem } from '../failure.js';
import { BadRequest } from '../generated/google/rpc/error_details.js';
import { Status } from '../generated/google/rpc/status.js';

const CODES: Readonly<Record<FailureCode, status>> = {
  'invalid-argument': status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  'already-exists': status.ALREADY_EXISTS,
  'failed-precondition': status.FAILED_PRECONDITION,
  aborted: status.ABORTED,
  'resource-exhausted': status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  internal: status.INTERNAL,
};

const DETAILS_KEY = 'grpc-status-details-bin';

// A status travels in HTTP/2 trailers, of which clients in Java, Python and C++ take 8 KiB. The message stands there
// twice, once percent-encoded and once, like the violations, in base64: 2 KiB and 4/3 of (2 + 2) KiB.
const MESSAGE_BYTES_MAX = 2048;
const VIOLATION_BYTES_MAX = 2048;

/**
 * The gRPC status of anything a handler may throw. Problems of the input stand in the message and, for programs, as
 * google.rpc.BadRequest in the status details. Any other error becomes INTERNAL with its text hidden.
 */
export function toStatus(thrown: unknown): StatusObject {
  const failure = Failure.from(thrown);
  if (failure.problems.length === 0) return statusWith(CODES[failure.code], failure.message);
  const badRequest = BadRequest.encode({ fieldViolations: violationsOf(failure.problems) }).finish();
  const details = [{ type: 'google.rpc.BadRequest', value: badRequest }];
  return statusWith(CODES[failure.code], failure.message, details, failure.problems.at(-1)!.more);
}

/**
 * A status with a message that fits, and encoded messages of google.rpc as its details.
 *
 * @param lastLine how many lines the last line of the message stands for
 */
export function statusWith(
  code: status,
  message: string,
  details: readonly { readonly type: string; readonly value: Uint8Array }[] = [],
  lastLine = 1,
): StatusObject {
  // A name in it may be as long as a request.
  const lines = message.split('\n').map((line) => line.slice(0, 4 * MESSAGE_BYTES_MAX));
  const shown = shortenMessage(wellFormed(lines.join('\n')), lastLine);
  const metadata = new Metadata();
  if (details.length > 0) {
    const anys = details.map(({ type, value }) => ({ typeUrl: `type.googleapis.com/${type}`, value }));
    const encoded = Status.encode({ code, message: shown, details: anys }).finish();
    metadata.set(DETAILS_KEY, Buffer.from(encoded));
  }
  return { code, details: shown, metadata };
}

function violationsOf(problems: readonly Problem[]): { field: string; description: string }[] {
  const violations: { field: string; description: string }[] = [];
  let bytes = 0;
  for (const problem of problems) {
    const place = problem.line === undefined ? '' : `line ${problem.line}, column ${problem.column}: `;
    const field = wellFormed(problem.field);
    const description = wellFormed(`${place}${problem.description}`);
    bytes += Buffer.byteLength(field) + Buffer.byteLength(description) + 8;
    if (bytes > VIOLATION_BYTES_MAX) break;
    violations.push({ field, description });
  }
  const left = problems.slice(violations.length).reduce((sum, { more = 1 }) => sum + more, 0);
  if (left > 0) violations.push({ field: '', description: `${left} more not listed` });
  return violations;
}

/** Keeps whole lines, or where the first is too long already, whole characters. */
function shortenMessage(message: string, lastLine: number): string {
  if (encodedBytes(message) <= MESSAGE_BYTES_MAX) return message;
  const lines = message.split('\n');
  let bytes = 0;
  const fits = (text: string) => {
    bytes += encodedBytes(text);
    return bytes <= MESSAGE_BYTES_MAX - 64;
  };
  const shown = lines.slice(
    0,
    lines.findIndex((line) => !fits(`${line}\n`)),
  );
  if (shown.length > 0) return `${shown.join('\n')}\nand ${lines.length - shown.length - 1 + lastLine} more`;
  bytes = 0;
  const characters = Array.from(lines[0]!);
  return `${characters
    .slice(
      0,
      characters.findIndex((character) => !fits(character)),
    )
    .join('')}…`;
}

function encodedBytes(text: string): number {
  return encodeURI(text).length;
}

/** grpc-js sends a message through encodeURI, which throws on half a surrogate pair; YAML can spell one. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
