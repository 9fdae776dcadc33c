import fc from 'fast-check';
import type { BoundRule, Match, PathMatch, Rule } from '../../src/policy/model.js';
import type { RuleSet } from '../../src/policy/rule-set.js';
import { resolveRules } from '../../src/policy/rule-set.js';

/** So few that rules and paths collide all the time; among them characters of two, three and four bytes. */
const CHARACTERS = ['a', 'b', '/', 'é', 'è', '€', '😀'];
/** Bytes that are no UTF-8 where they stand, or the first half of a character. */
const STRAY_BYTES = [0x80, 0xa9, 0xc3, 0xe2, 0x82, 0xed, 0xf0, 0xff];

const character = fc.constantFrom(...CHARACTERS);
const name = fc.string({ unit: character, maxLength: 4 }).map((text) => text.replaceAll('/', ''));
const literalPath = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`);

const PATTERN_LENGTH_MAX = 32;

const setMember = fc.constantFrom('a', 'b', '/', 'é', '€', 'a-b', '.-0', '\\]', '-');
const characterSet = fc
  .array(setMember, { minLength: 1, maxLength: 3 })
  .chain((members) => fc.constantFrom('', '!', '^').map((negated) => `[${negated}${members.join('')}]`))
  // Nothing but slashes would be malformed.
  .filter((text) => !/^\[\/+\]$/.test(text))
  // A dash between two members would make a range of them.
  .filter((text) => !/[^[!^]-[^\]]/.test(text.replace(/a-b|\.-0/g, 'r')));

const { pattern } = fc.letrec<{ pattern: string; part: string; alternatives: string }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 3 },
    character,
    fc.constantFrom('*', '**', '?', '\\*', '\\a', '*', '**'),
    characterSet,
    tie('alternatives'),
  ),
  alternatives: fc
    .array(fc.array(tie('part'), { maxLength: 3 }), { minLength: 1, maxLength: 3 })
    .map((branches) => branches.map((branch) => branch.join('')))
    .filter((branches) => branches.join() !== '')
    .map((branches) => `{${branches.join()}}`),
  pattern: fc
    .array(tie('part'), { maxLength: 6 })
    .map((parts) => `/${parts.join('')}`)
    // Longer ones may be more than an image can hold, and more than backtracking can match in time.
    .filter((text) => text.length <= PATTERN_LENGTH_MAX),
}));

const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(
  literalPath.map((path) => ({ kind: 'exact' as const, path })),
  fc
    .record({ path: literalPath, recursive: fc.boolean() })
    .map(({ path, recursive }) => ({ kind: 'directory' as const, directory: `${path}/`, recursive })),
  pattern.map((text) => ({ kind: 'pattern' as const, pattern: text })),
);

const PROGRAMS = ['/a', '/b', '/a/b', '/é', '/aa'];

const rule: fc.Arbitrary<Omit<Rule, 'id'>> = fc.record({
  class: fc.constantFrom('process', 'file'),
  match: pathMatch,
  sources: fc.oneof(fc.constant([]), fc.subarray(PROGRAMS)),
  action: fc.constantFrom('Allow', 'Audit', 'Block'),
  readOnly: fc.boolean(),
  ownerOnly: fc.boolean(),
  severity: fc.constant(5),
  tags: fc.constant([]),
  message: fc.constant(''),
});

function bind(rules: readonly Omit<Rule, 'id'>[]): BoundRule[] {
  const identified = rules.map((made, index) => ({ ...made, id: `rules[${index}]` }));
  const policy = { name: 'random', namespace: 'default', matchLabels: {}, rules: identified };
  return identified.map((made) => ({ policy, rule: made }));
}

export const randomRuleSet: fc.Arbitrary<RuleSet> = fc
  .record({
    rules: fc.array(rule, { maxLength: 8 }),
    process: fc.constantFrom('audit', 'block'),
    file: fc.constantFrom('audit', 'block'),
  })
  .map(({ rules, process, file }) =>
    resolveRules(bind(rules), { process, file, network: 'block', capabilities: 'audit' }),
  );

export const randomProgram: fc.Arbitrary<string> = fc.constantFrom(...PROGRAMS, '/unnamed', '/a/');

const fragment: fc.Arbitrary<Buffer> = fc.oneof(
  { arbitrary: character.map((text) => Buffer.from(text)), weight: 8 },
  { arbitrary: fc.constantFrom(...STRAY_BYTES).map((byte) => Buffer.from([byte])), weight: 1 },
);
const bytes = fc.array(fragment, { maxLength: 6 }).map((fragments) => Buffer.concat(fragments));

/** Paths of which many are matched by the set: made from what its rules say, wildcards filled in at random. */
export function randomPaths(ruleSet: RuleSet): fc.Arbitrary<Buffer[]> {
  const anything = bytes.map((tail) => Buffer.concat([Buffer.from('/'), tail]));
  const related = ruleSet.rules.map(({ rule: { match } }) => resembling(match));
  const path = fc.oneof(anything, ...related);
  const slash = fc.constantFrom('', '', '/');
  return fc.array(
    fc.tuple(path, slash).map(([stem, end]) => Buffer.concat([stem, Buffer.from(end)])),
    { minLength: 10, maxLength: 20 },
  );
}

function resembling(match: Match): fc.Arbitrary<Buffer> {
  switch (match.kind) {
    case 'exact':
      return fc.constant(Buffer.from(match.path));
    case 'directory':
      return bytes.map((tail) => Buffer.concat([Buffer.from(match.directory), tail]));
    case 'pattern': {
      const parts = match.pattern.match(/\\.|\[[^\]]*\]|[{},]|\*+|\?|[^*?[{},\\]+/gsu) ?? [];
      return fc.tuple(...parts.map(filling)).map((filled) => Buffer.concat(filled));
    }
    default:
      throw new RangeError(`${match.kind} has no paths`);
  }
}

function filling(part: string): fc.Arbitrary<Buffer> {
  if (part.startsWith('*')) return bytes;
  if (part === '?' || part.startsWith('[')) return fragment;
  if (part === '{' || part === '}' || part === ',') return fc.constant(Buffer.alloc(0));
  return fc.constantFrom(Buffer.from(part.replace('\\', '')), Buffer.alloc(0));
}
