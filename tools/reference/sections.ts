/** Sections of a page that are made from the sources: what stands between `<!-- NAME -->` and `<!-- /NAME -->`. */
const SECTION = /(<!-- ([a-z-]+) -->\n)(.*?)(<!-- \/\2 -->)/gsu;

/** The names of the sections of a page. */
export function sectionsOf(page: string): string[] {
  return [...page.matchAll(SECTION)].map(([, , name]) => name!);
}

/** The page with what belongs into those of its sections that have one of these names. */
export function rewriteSections(page: string, contents: Readonly<Record<string, () => string>>): string {
  return page.replaceAll(SECTION, (whole, begin: string, name: string, _old: string, end: string) =>
    Object.hasOwn(contents, name) ? `${begin}${contents[name]!()}${end}` : whole,
  );
}

/** A table in Markdown; what would end a cell is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

export const code = (text: string): string => `\`${text}\``;
