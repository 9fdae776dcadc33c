const ELLIPSIS = '…';

/** A line that is no wider than a terminal; what is left out is marked. */
export function cutTo(width: number, line: string): string {
  const characters = [...line];
  return characters.length <= width ? line : characters.slice(0, width - 1).join('') + ELLIPSIS;
}

/** A number of things, such as `1 container` or `2 containers`. */
export function counted(count: number | bigint, one: string, many = `${one}s`): string {
  return `${count} ${BigInt(count) === 1n ? one : many}`;
}
