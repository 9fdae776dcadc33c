/** Reads `KEY=VALUE,KEY=VALUE`. */
export function readLabels(text: string): Record<string, string> {
  const entries = text === '' ? [] : text.split(',').map((label) => label.split(/=(.*)/su).slice(0, 2));
  return Object.fromEntries(entries);
}

/** Writes labels as `readLabels` reads them. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
