import type { BoundRule, PathMatch, Policy, Postures, Rule } from '../../src/policy/model.js';
import { type RuleSet, resolveRules } from '../../src/policy/rule-set.js';

const service = (index: number) => `/srv/service-${String(index).padStart(5, '0')}`;

/** A path of 40 bytes; every fourth rule of {@link mixedPolicy} names one. */
export function exactPath(index: number): string {
  return `${service(index)}/configuration-${String(index % 1000).padStart(3, '0')}.yml`;
}

/** A path of no rule, which has the same length and differs only in its last byte. */
export function missedPath(index: number): string {
  return `${exactPath(index).slice(0, -1)}k`;
}

function matchOf(index: number): PathMatch {
  switch (index % 8) {
    case 1:
      return { kind: 'pattern', pattern: `${service(index)}/{state,backup}-*.db` };
    case 3:
      return { kind: 'directory', directory: `${service(index)}/private/`, recursive: true };
    case 5:
      return { kind: 'pattern', pattern: `${service(index)}/**/cache-?.key` };
    case 7:
      return { kind: 'directory', directory: `${service(index)}/keys/`, recursive: false };
    default:
      return { kind: 'exact', path: exactPath(index) };
  }
}

export const POSTURES: Postures = { process: 'audit', file: 'audit', network: 'audit', capabilities: 'audit' };

/** A policy of file rules: half exact paths, a quarter directories, a quarter patterns. */
export function mixedPolicy(name: string, rules: number, matchLabels: Policy['matchLabels'] = {}): Policy {
  const made = Array.from(
    { length: rules },
    (_, index): Rule => ({
      id: `rules[${index}]`,
      class: 'file',
      match: matchOf(index),
      sources: [],
      action: 'Block',
      readOnly: false,
      ownerOnly: false,
      severity: 5,
      tags: [],
      message: '',
    }),
  );
  return { name, namespace: 'default', matchLabels, rules: made };
}

export function ruleSetOf(policy: Policy): RuleSet {
  const bound: BoundRule[] = policy.rules.map((rule) => ({ policy, rule }));
  return resolveRules(bound, POSTURES);
}
