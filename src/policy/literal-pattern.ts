/** The pattern that matches this text and nothing else. */
export function literalPattern(text: string): string {
  return text.replace(/[\\*?[\]{},]/gu, (character) => `\\${character}`);
}
