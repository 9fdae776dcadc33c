import type { PathMatch, Postures, Rule } from '../../../src/policy/model.js';
import type { RuleSet } from '../../../src/policy/rule-set.js';
import { resolveRules } from '../../../src/policy/rule-set.js';

export const exact = (path: string): PathMatch => ({ kind: 'exact', path });
export const pattern = (text: string): PathMatch => ({ kind: 'pattern', pattern: text });
export const directory = (path: string, recursive = false): PathMatch => ({
  kind: 'directory',
  directory: path,
  recursive,
});

/** A file rule that blocks by default. */
export function rule(match: PathMatch, differences: Partial<Rule> = {}): Rule {
  return {
    id: 'unnamed',
    class: 'file',
    match,
    sources: [],
    action: 'Block',
    readOnly: false,
    ownerOnly: false,
    severity: 5,
    tags: [],
    message: '',
    ...differences,
  };
}

/** The rules of one policy, `default/web`; the id of a rule is its index. */
export function ruleSet(
  rules: readonly Rule[],
  postures: Postures = { process: 'audit', file: 'block', network: 'audit', capabilities: 'audit' },
): RuleSet {
  const identified = rules.map((made, index) => ({ ...made, id: `rules[${index}]` }));
  const policy = { name: 'web', namespace: 'default', matchLabels: {}, rules: identified };
  return resolveRules(
    identified.map((made) => ({ policy, rule: made })),
    postures,
  );
}
