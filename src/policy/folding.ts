import { literalPattern } from './literal-pattern.js';
import type { BoundRule, Match, PathMatch, Rule } from './model.js';

/**
 * A directory below which a filesystem treats several names as one, so that a name does not show which file is meant.
 */
export interface FoldedPlace {
  /** Without a slash at its end. */
  readonly place: string;
  /** It also gives files short names (`SECRET~1.TXT`), and ignores dots at the end of a name. */
  readonly isFat: boolean;
}

/** Characters beyond ASCII that are lower-case or upper-case forms of these letters, too. */
const OTHER_FORMS: Readonly<Record<string, string>> = { k: '\u212a', s: '\u017f' };

/**
 * Adds to each rule that refuses or reports files below such places copies for the other names that may lead to them:
 * in any case and, as they cannot be listed, every short name, name that ends in a dot, or name beyond ASCII. Allow
 * rules hold only for names as written.
 */
export function withFoldedNames(rules: readonly BoundRule[], places: readonly FoldedPlace[]): readonly BoundRule[] {
  if (places.length === 0) return rules;
  return rules.flatMap((bound) => {
    const { rule, policy } = bound;
    const place = places.find((each) => isBelow(rule, each.place));
    if (place === undefined) return [bound];
    const twins = rule.action === 'Allow' ? asWritten(rule.match) : otherNames(rule.match as PathMatch, place);
    return [
      bound,
      ...twins.map((pattern) => ({ policy, rule: { ...rule, match: { kind: 'pattern' as const, pattern } } })),
    ];
  });
}

function isBelow({ class: ruleClass, match }: Rule, place: string): boolean {
  if (ruleClass !== 'file' && ruleClass !== 'process') return false;
  return textOf(match)?.startsWith(`${place}/`) === true && textOf(match) !== `${place}/`;
}

function textOf(match: Match): string | undefined {
  if (match.kind === 'exact') return match.path;
  if (match.kind === 'directory') return match.directory;
  return match.kind === 'pattern' ? match.pattern : undefined;
}

/** A directory that is allowed takes precedence over the other names of one above it. */
function asWritten(match: Match): string[] {
  if (match.kind !== 'directory') return [];
  return [`${literalPattern(match.directory)}${match.recursive ? '**' : '{,*}'}`];
}

function otherNames(match: PathMatch, { place, isFat }: FoldedPlace): string[] {
  const start = literalPattern(place);
  const anywhere = [`${start}/**[^ -~]**`];
  if (isFat) anywhere.push(`${start}/**~[0-9]*{,/**}`, `${start}/**.{,/**}`);
  if (match.kind === 'pattern') return [start + foldedPattern(match.pattern.slice(place.length)), ...anywhere];
  const path = match.kind === 'exact' ? match.path : match.directory;
  const end = match.kind === 'exact' ? '' : match.recursive ? '**' : '{,*}';
  const below = [...path.slice(place.length)].map(folded).join('');
  return [start + below + end, ...anywhere];
}

function folded(character: string): string {
  if (/[^ -~]/u.test(character)) return '*';
  if (!/[a-z]/iu.test(character)) return literalPattern(character);
  const [small, large] = [character.toLowerCase(), character.toUpperCase()];
  const other = OTHER_FORMS[small];
  return other === undefined ? `[${small}${large}]` : `[${small}${large}${other}]`;
}

/** A set becomes any character. */
function foldedPattern(pattern: string): string {
  const parts = pattern.matchAll(/\\(.)|(\[[!^]?\]?(?:\\.|[^\]\\])*\])|([*?{},])|(.)/gsu);
  return [...parts]
    .map(([, literal, set, wildcard, other]) => (set !== undefined ? '?' : (wildcard ?? folded(literal ?? other!))))
    .join('');
}
