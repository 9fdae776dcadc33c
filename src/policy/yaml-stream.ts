import type { Document } from 'yaml';
import { Composer, Lexer, LineCounter, Parser } from 'yaml';
import { invalidInput } from '../failure.js';

const MEBIBYTE = 1024 * 1024;
export const MANIFEST_BYTES_MAX = 4 * MEBIBYTE;
/** Bounds the time a hostile text costs. A rule takes some ten tokens, so these are enough for 25,000 rules. */
export const TOKENS_MAX = 300_000;
/** After this many errors the rest of a text from a client is not read: an error costs far more time than a token. */
const ERRORS_MAX = 100;
/** In levels of the parser, of which a policy needs ten. The YAML library itself recurses without a bound. */
export const DEPTH_MAX = 64;

export interface YamlStream {
  /** Documents in their order, also those in error and those that hold nothing. */
  readonly documents: readonly Document.Parsed[];
  readonly lines: LineCounter;
  /** Where reading ended for too many errors; undefined where the whole text was read. */
  readonly unreadFrom: number | undefined;
}

/**
 * Parses a text of one or several YAML documents. Errors of syntax are left in the documents; duplicate keys are not
 * looked for, the library's own search being quadratic.
 *
 * @param errorsMax how many errors of the parser end the reading
 * @throws Failure invalid-argument when the text is beyond one of the limits
 */
export function parseYamlStream(text: string, errorsMax = ERRORS_MAX): YamlStream {
  const bytes = Buffer.byteLength(text);
  if (bytes > MANIFEST_BYTES_MAX) {
    const description = `is ${bytes} bytes long, at most ${MANIFEST_BYTES_MAX} are accepted`;
    throw invalidInput([{ field: 'manifest', description }]);
  }
  const lines = new LineCounter();
  const composer = new Composer({ uniqueKeys: false, stringKeys: true, logLevel: 'silent' });
  let unreadFrom: number | undefined;
  const tokens = boundedTokens(text, lines, errorsMax, (offset) => {
    unreadFrom = offset;
  });
  // The end offset makes a document even of a text without one, so that errors outside of documents are not lost.
  const documents = [...composer.compose(tokens, true, text.length)];
  return { documents, lines, unreadFrom };
}

function* boundedTokens(text: string, lines: LineCounter, errorsMax: number, onUnread: (offset: number) => void) {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let tokens = 0;
  let errors = 0;
  for (const lexeme of new Lexer().lex(text)) {
    tokens++;
    for (const token of parser.next(lexeme)) {
      yield token;
      const end = parser.offset + lexeme.length;
      if (token.type === 'error' && ++errors >= errorsMax && end < text.length) {
        onUnread(end);
        return;
      }
    }
    if (parser.stack.length > DEPTH_MAX) {
      throw beyond(lines, parser.offset, 'is nested too deeply, no policy is');
    }
    if (tokens > TOKENS_MAX) {
      throw beyond(lines, parser.offset, `holds more than ${TOKENS_MAX} YAML tokens`);
    }
  }
  yield* parser.end();
}

function beyond(lines: LineCounter, offset: number, description: string) {
  const { line, col } = lines.linePos(offset);
  return invalidInput([{ field: 'manifest', description, line, column: col }]);
}
