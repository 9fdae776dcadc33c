/** A value may be 256 KiB long, and stands in warnings that every answer and the log carry. */
const CHARACTERS_MAX = 64;

/** What somebody has annotated, for a message. */
export function quoted(value: string): string {
  return JSON.stringify(value.length <= CHARACTERS_MAX ? value : `${value.slice(0, CHARACTERS_MAX)}…`);
}
