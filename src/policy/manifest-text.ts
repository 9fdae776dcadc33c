import { finish, isStep, type Steps } from '../steps.js';
import { yamlText } from '../yaml-text.js';
import { append } from './append.js';
import { partOf } from './kinds/kinds.js';
import { writePlace } from './kinds/paths.js';
import type { PolicyKind } from './manifest-schema.js';
import type { Policy, Rule, RuleClass, Scope } from './model.js';
import { RULE_CLASSES } from './model.js';
import type { Source } from './policy-document.js';
import { API_VERSION } from './validate.js';

type Traits = Partial<Pick<Rule, (typeof TRAITS)[number]>>;
const KINDS: Readonly<Record<Scope, PolicyKind>> = {
  namespace: 'KubeArmorPolicy',
  cluster: 'KubeArmorClusterPolicy',
  host: 'KubeArmorHostPolicy',
};
const TRAITS = ['severity', 'tags', 'message', 'action'] as const;

/**
 * Writes a policy as a manifest that `readManifest` reads back as an equal policy. What all rules have in common stands
 * once, at the specification.
 */
export function toManifest(policy: Policy): string {
  return finish(toManifestInSteps(policy));
}

/** This many rules are written in one step. */
const STEP_RULES = 64;

/** The same, so that other work can run meanwhile: a policy may have thousands of rules. */
export function* toManifestInSteps(policy: Policy): Steps<string> {
  const { head, lists } = yield* partsOf(policy);
  // The rules end the specification, so they can be written part by part below it.
  const parts = [textOf(head)];
  for (const ruleClass of RULE_CLASSES) {
    const ofClass = lists.get(ruleClass);
    if (ofClass === undefined) continue;
    parts.push(`  ${ruleClass}:\n`);
    for (const [list, entries] of ofClass) {
      if (list !== '') parts.push(`    ${list}:\n`);
      const indent = list === '' ? '    ' : '      ';
      for (let first = 0; first < entries.length; first += STEP_RULES) {
        yield;
        const lines = textOf(entries.slice(first, first + STEP_RULES)).split('\n');
        parts.push(lines.map((line) => (line === '' ? '' : indent + line)).join('\n'));
      }
    }
  }
  return parts.join('');
}

/** What the manifest of a policy says, as an object for JSON. */
export function* toDocumentInSteps(policy: Policy): Steps<object> {
  const { head, lists } = yield* partsOf(policy);
  const classes = RULE_CLASSES.flatMap((ruleClass) => {
    const ofClass = lists.get(ruleClass);
    return ofClass === undefined ? [] : [[ruleClass, ofClass.get('') ?? Object.fromEntries(ofClass)] as const];
  });
  return { ...head, spec: { ...head.spec, ...Object.fromEntries(classes) } };
}

/** A manifest without its rules, and the rules. */
interface Parts {
  readonly head: { readonly spec: object };
  readonly lists: ReadonlyMap<RuleClass, ReadonlyMap<string, readonly object[]>>;
}

function* partsOf(policy: Policy): Steps<Parts> {
  const common = yield* commonTraits(policy.rules);
  const {
    name,
    namespace,
    scope = 'namespace',
    matchLabels,
    matchExpressions,
    priority,
    mode,
    guards,
    heldDescriptors,
    loaderLibraries,
    expires,
  } = policy;
  const head = {
    apiVersion: API_VERSION,
    kind: KINDS[scope],
    metadata: { name, ...(scope === 'namespace' && { namespace }) },
    spec: {
      ...written(common),
      ...(priority !== undefined && { priority }),
      ...(mode !== undefined && { mode }),
      ...(guards === false && { guards: 'off' }),
      ...(heldDescriptors !== undefined && { heldDescriptors }),
      ...(loaderLibraries && { loaderLibraries: loaderLibraries.map(writePlace) }),
      ...(expires !== undefined && { expires: new Date(expires).toISOString() }),
      [scope === 'host' ? 'nodeSelector' : 'selector']: { matchLabels, ...(matchExpressions && { matchExpressions }) },
    },
  };
  return { head, lists: yield* listsOf(policy.rules, common) };
}

function textOf(value: unknown): string {
  return yamlText(value, { lineWidth: 0 });
}

/** What is written of the rules, by class and by the name of the list, which is empty where the class has but one. */
function* listsOf(rules: readonly Rule[], common: Traits): Steps<Parts['lists']> {
  const lists = new Map<RuleClass, Map<string, object[]>>();
  for (const [index, rule] of rules.entries()) {
    const { list, entry } = partOf(rule.match).write(rule.match);
    const ofClass = lists.get(rule.class) ?? new Map<string, object[]>();
    lists.set(rule.class, ofClass);
    append(ofClass, list, { ...entry, ...ownFields(rule, common) });
    if (isStep(index)) yield;
  }
  return lists;
}

/** Writes a source: see Rule.sources. */
export function sourceDocument(source: string): Source {
  if (source.endsWith('/**')) return { dir: source.slice(0, -2), recursive: true };
  return source.endsWith('/') ? { dir: source } : { path: source };
}

function ownFields(rule: Rule, common: Traits): Record<string, unknown> {
  const traits = Object.fromEntries(TRAITS.filter((trait) => !(trait in common)).map((trait) => [trait, rule[trait]]));
  return {
    ...(rule.sources.length > 0 && { fromSource: rule.sources.map(sourceDocument) }),
    ...(rule.readOnly && { readOnly: true }),
    ...(rule.ownerOnly && { ownerOnly: true }),
    ...(rule.operations && { operations: rule.operations }),
    ...(rule.arguments && { allowedArgs: rule.arguments }),
    ...(rule.terminal !== undefined && { pts: !rule.terminal }),
    ...written(traits),
  };
}

function* commonTraits([first, ...others]: readonly Rule[]): Steps<Traits> {
  if (first === undefined) return {};
  const common: (typeof TRAITS)[number][] = [];
  for (const trait of TRAITS) {
    const value = JSON.stringify(first[trait]);
    if (others.every((rule) => JSON.stringify(rule[trait]) === value)) common.push(trait);
    yield;
  }
  return Object.fromEntries(common.map((trait) => [trait, first[trait]]));
}

/** An empty list of tags and an empty message mean nothing, so they are not written. */
function written(traits: Traits): Traits {
  const entries = Object.entries(traits).filter(([, value]) => typeof value === 'number' || value.length > 0);
  return Object.fromEntries(entries);
}
