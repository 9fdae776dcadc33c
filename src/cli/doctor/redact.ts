const LEFT_OUT = '(left out)';

/** Patterns of text that is likely to contain a secret, with their replacements. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/gu, LEFT_OUT],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/giu, `$1 ${LEFT_OUT}`],
  [/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]+):[^\s/@]+@/giu, `$1:${LEFT_OUT}@`],
  [
    /((?:pass(?:word|wd|phrase)?|secret|token|credential|api[-_]?key|access[-_]?key)[\w-]*["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|[^\s,;}"']+)/giu,
    `$1${LEFT_OUT}`,
  ],
  // JSON Web Tokens.
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/gu, LEFT_OUT],
];

/** A value whose texts hold no secret any more, as far as one can be distinguished from other text. */
export function redact<Value>(value: Value): Value {
  if (typeof value === 'string') return redactText(value) as Value;
  if (Array.isArray(value)) return value.map(redact) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, redact(each)])) as Value;
}

function redactText(text: string): string {
  return SECRETS.reduce((left, [pattern, instead]) => left.replace(pattern, instead), text);
}
