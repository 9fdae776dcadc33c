import fc from 'fast-check';
import type { BoundRule, PathMatch, Policy, Rule } from '../../../src/policy/model.js';

// Deep equality distinguishes objects with a null prototype.
const PLAIN = { noNullPrototype: true } as const;

const segment = fc.stringMatching(/^[a-zA-Z0-9_+@: é-]{1,8}$/u);
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,6}[a-z0-9])?$/u);

const match: fc.Arbitrary<PathMatch> = fc.oneof(
  path.map((exact) => ({ kind: 'exact', path: exact }) as const),
  fc.record(
    {
      kind: fc.constant('directory' as const),
      directory: path.map((directory) => `${directory}/`),
      recursive: fc.boolean(),
    },
    PLAIN,
  ),
  path.map((prefix) => ({ kind: 'pattern', pattern: `${prefix}*` }) as const),
);

const rule: fc.Arbitrary<Omit<Rule, 'id'>> = fc
  .record({
    class: fc.constantFrom('process' as const, 'file' as const),
    match,
    sources: fc.array(path, { maxLength: 2 }),
    action: fc.constantFrom('Allow' as const, 'Audit' as const, 'Block' as const),
    readOnly: fc.boolean(),
    ownerOnly: fc.boolean(),
    severity: fc.integer({ min: 1, max: 10 }),
    tags: fc.array(text, { maxLength: 2 }),
    message: text,
  })
  // The language has neither patterns with sources nor read-only process rules.
  .map((each) => ({
    ...each,
    sources: each.match.kind === 'pattern' ? [] : each.sources,
    readOnly: each.class === 'file' && each.readOnly,
  }));

const LISTS = { exact: 'matchPaths', directory: 'matchDirectories', pattern: 'matchPatterns' } as const;

/** Policies as parsed from manifests: rules in the order of sections and lists, each with its id. */
export const policies: fc.Arbitrary<Policy> = fc.record(
  {
    name: label,
    namespace: label,
    matchLabels: fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true }),
    rules: fc
      .array(rule, { minLength: 1, maxLength: 8 })
      .map((rules) =>
        (['process', 'file'] as const).flatMap((ruleClass) =>
          (['exact', 'directory', 'pattern'] as const).flatMap((kind) =>
            rules
              .filter((each) => each.class === ruleClass && each.match.kind === kind)
              .map((each, index) => ({ id: `${ruleClass}.${LISTS[kind]}[${index}]`, ...each })),
          ),
        ),
      ),
  },
  PLAIN,
);

export const boundRules: fc.Arbitrary<BoundRule> = policies.chain((policy) =>
  fc.constantFrom(...policy.rules).map((each) => ({ policy, rule: each })),
);
