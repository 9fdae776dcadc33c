const ELLIPSIS = '…';

/** A line that is no wider than a terminal; what is left out is marked. */
export function cutTo(width: number, line: string): string {
  const characters = [...line];
  return characters.length <= width ? line : characters.slice(0, width - 1).join('') + ELLIPSIS;
}
