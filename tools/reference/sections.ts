/** Generated sections of a page, between `<!-- NAME -->` and `<!-- /NAME -->`. */
const SECTION = /(<!-- ([a-z-]+) -->\n)(.*?)(<!-- \/\2 -->)/gsu;

/** The names of the sections of a page. */
export function sectionsOf(page: string): string[] {
  return [...page.matchAll(SECTION)].map(([, , name]) => name!);
}

/** The page with new contents in its sections of these names. */
export function rewriteSections(page: string, contents: Readonly<Record<string, () => string>>): string {
  return page.replaceAll(SECTION, (whole, begin: string, name: string, _old: string, end: string) =>
    Object.hasOwn(contents, name) ? `${begin}${contents[name]!()}${end}` : whole,
  );
}

/** A table in Markdown, with escaped cells. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

export const code = (text: string): string => `\`${text}\``;
