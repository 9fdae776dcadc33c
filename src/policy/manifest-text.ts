import { stringify } from 'yaml';
import type { Policy, Rule, RuleClass } from './model.js';
import { RULE_CLASSES } from './model.js';
import { API_VERSION, KIND } from './validate.js';

type Traits = Partial<Pick<Rule, (typeof TRAITS)[number]>>;
const TRAITS = ['severity', 'tags', 'message', 'action'] as const;

/**
 * Writes a policy as a manifest that `readManifest` reads back as an equal policy. What all rules have in common stands
 * once, at the specification.
 */
export function toManifest(policy: Policy): string {
  const common = commonTraits(policy.rules);
  const document = {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name: policy.name, namespace: policy.namespace },
    spec: {
      ...written(common),
      selector: { matchLabels: policy.matchLabels },
      ...Object.fromEntries(RULE_CLASSES.map((ruleClass) => [ruleClass, toSection(policy, ruleClass, common)])),
    },
  };
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}

function toSection(policy: Policy, ruleClass: RuleClass, common: Traits): Record<string, unknown[]> | undefined {
  const rules = policy.rules.filter((rule) => rule.class === ruleClass);
  if (rules.length === 0) return undefined;
  const section: Record<string, unknown[]> = {};
  for (const rule of rules) {
    const [list, head] = describeMatch(rule);
    section[list] ??= [];
    section[list].push({ ...head, ...ownFields(rule, common) });
  }
  return section;
}

function describeMatch({ match }: Rule): [list: string, head: Record<string, unknown>] {
  switch (match.kind) {
    case 'exact':
      return ['matchPaths', { path: match.path }];
    case 'directory':
      return ['matchDirectories', { dir: match.directory, ...(match.recursive && { recursive: true }) }];
    case 'pattern':
      return ['matchPatterns', { pattern: match.pattern }];
    case 'protocol':
      return ['matchProtocols', { protocol: match.protocol }];
    case 'family':
      return ['matchFamilies', { family: match.family }];
    case 'endpoint': {
      const { kind: _, ...endpoint } = match;
      return ['matchEndpoints', endpoint];
    }
    case 'capability':
      return ['matchCapabilities', { capability: match.capability }];
  }
}

function ownFields(rule: Rule, common: Traits): Record<string, unknown> {
  const traits = Object.fromEntries(TRAITS.filter((trait) => !(trait in common)).map((trait) => [trait, rule[trait]]));
  return {
    ...(rule.sources.length > 0 && { fromSource: rule.sources.map((path) => ({ path })) }),
    ...(rule.readOnly && { readOnly: true }),
    ...(rule.ownerOnly && { ownerOnly: true }),
    ...written(traits),
  };
}

function commonTraits([first, ...others]: readonly Rule[]): Traits {
  if (first === undefined) return {};
  const isCommon = (trait: (typeof TRAITS)[number]) => {
    const value = JSON.stringify(first[trait]);
    return others.every((rule) => JSON.stringify(rule[trait]) === value);
  };
  return Object.fromEntries(TRAITS.filter(isCommon).map((trait) => [trait, first[trait]]));
}

/** An empty list of tags and an empty message say nothing, so they are not written. */
function written(traits: Traits): Traits {
  const entries = Object.entries(traits).filter(([, value]) => typeof value === 'number' || value.length > 0);
  return Object.fromEntries(entries);
}
