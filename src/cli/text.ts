const ELLIPSIS = '…';

/** A line that is no wider than a terminal; what is left out is marked. */
export function cutTo(width: number, line: string): string {
  const characters = [...line];
  return characters.length <= width ? line : characters.slice(0, width - 1).join('') + ELLIPSIS;
}

/** Without what would move the cursor, or make a line two: names of files come from whoever made the files. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}
