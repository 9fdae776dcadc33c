import type { ErrorObject, ValidateFunction } from 'ajv';
import * as validators from '../generated/policy-validators.js';
import type { FieldPath, Finding } from './finding.js';
import { fieldName, quote } from './finding.js';
import type { PolicyKind } from './manifest-schema.js';
import { isMeantAsLabel, labelsAdvice } from './misplaced-labels.js';
import { missingSentence } from './schema-keywords.js';
import { suggest } from './suggestion.js';

const VALIDATORS = validators as unknown as Readonly<Record<PolicyKind, ValidateFunction>>;

/** Everything in a document that the schema of its kind, the value checks among it, does not accept. */
export function checkSchema(document: unknown, kind: PolicyKind): Finding[] {
  const validate = VALIDATORS[kind];
  if (validate(document)) return [];
  const errors = validate.errors ?? [];
  const findings = new Map<string, Finding>();
  let areLabelsTold = false;
  for (const error of errors) {
    if (isMisplacedLabel(error)) {
      // The advice at the first one is for all of them.
      if (areLabelsTold) continue;
      areLabelsTold = true;
    }
    const finding = toFinding(error, document, kind);
    findings.set(`${fieldName(finding.path)}: ${finding.description}`, finding);
  }
  return [...findings.values()];
}

/** See manifest-schema.ts. */
interface UnsupportedField {
  readonly field: string;
  /** Hauberk's language has it too, and this version does not. */
  readonly isKnown: boolean;
}

function unsupportedSentence({ field, isKnown }: UnsupportedField): string {
  return isKnown
    ? `${quote(field)} is part of the policy language but not supported by this version of Hauberk`
    : kubeArmorOnly(field);
}

/** The refusal of something that only KubeArmor has. */
export function kubeArmorOnly(name: string): string {
  return `${quote(name)} is part of KubeArmor's language, not of Hauberk's`;
}

function toFinding(error: ErrorObject, document: unknown, kind: PolicyKind): Finding {
  const path = pathOf(error.instancePath, document);
  const at = (description: string): Finding => ({ path, description, fault: 'value' });
  switch (error.keyword) {
    case 'additionalProperties': {
      const field: string = error.params.additionalProperty;
      const known = suggest(field, Object.keys(error.parentSchema?.properties ?? {}));
      const near = known === undefined ? '' : `, did you mean \`${known}\`?`;
      const hint = isMisplacedLabel(error)
        ? `: ${labelsAdvice(String(path.at(-1)), error.data as Record<string, unknown>)}`
        : near;
      return { path: [...path, field], description: `unknown field ${quote(field)}${hint}`, fault: 'key' };
    }
    case 'required': {
      const field: string = error.params.missingProperty;
      const hint = selectorForAll([...path, field], kind);
      return { path: [...path, field], description: missingSentence(field) + hint, fault: 'value' };
    }
    case 'choice':
      return { path: [...path, error.params.field], description: error.message!, fault: 'value' };
    case 'unsupported':
      return { path, description: unsupportedSentence(error.schema as UnsupportedField), fault: 'key' };
    case 'enum':
      return at(describeChoice(error));
    case 'minimum':
    case 'maximum':
      return at(rangeSentence(error));
    case 'minItems':
      return at('must not be empty');
    case 'type': {
      const type = String(error.params.type).split(',')[0]!;
      const hint = error.data === null ? selectorForAll(path, kind) : '';
      return at((type === 'integer' ? rangeSentence(error) : TYPE_SENTENCES[type]!) + hint);
    }
    default:
      return at(error.message!);
  }
}

/** What to write where a policy is meant for all it can reach; empty for fields that are no selector of it. */
function selectorForAll(path: FieldPath, kind: PolicyKind): string {
  const { selector, all } = REACHED[kind];
  return fieldName(path) === `spec.${selector}` ? `; to reach ${all} write \`${selector}: {matchLabels: {}}\`` : '';
}

const REACHED: Readonly<Record<PolicyKind, { readonly selector: string; readonly all: string }>> = {
  KubeArmorPolicy: { selector: 'selector', all: 'every container of the namespace' },
  KubeArmorClusterPolicy: { selector: 'selector', all: 'every container of every namespace' },
  KubeArmorHostPolicy: { selector: 'nodeSelector', all: 'every host' },
};

function isMisplacedLabel({ keyword, instancePath, params, data }: ErrorObject): boolean {
  if (keyword !== 'additionalProperties' || !/^\/spec\/(?:selector|nodeSelector)$/u.test(instancePath)) return false;
  return isMeantAsLabel(params.additionalProperty, (data as Record<string, unknown>)[params.additionalProperty]);
}

function rangeSentence({ parentSchema }: ErrorObject): string {
  return `must be a whole number from ${parentSchema?.minimum} to ${parentSchema?.maximum}`;
}

const TYPE_SENTENCES: Readonly<Record<string, string>> = {
  object: 'must be a mapping',
  array: 'must be a list',
  string: 'must be a string',
  boolean: 'must be `true` or `false`',
};

function describeChoice(error: ErrorObject): string {
  const choices = (error.schema as (string | null)[]).filter((choice) => choice !== null);
  const accepted = choices.length === 1 ? `\`${choices[0]}\`` : `one of ${choices.map(quote).join(', ')}`;
  if (typeof error.data !== 'string') return `must be ${accepted}`;
  const near = suggest(error.data, choices);
  const hint = near === undefined ? '' : `, did you mean \`${near}\`?`;
  return `must be ${accepted}, not ${quote(error.data)}${hint}`;
}

/** Turns a JSON pointer into a path; only the document tells a list index from a key of digits. */
function pathOf(pointer: string, document: unknown): FieldPath {
  const path: (string | number)[] = [];
  let current = document;
  for (const escaped of pointer.split('/').slice(1)) {
    const step = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(current) ? Number(step) : step);
    current = (current as Record<string, unknown>)[step];
  }
  return path;
}
