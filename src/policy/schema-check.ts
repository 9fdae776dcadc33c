import { Ajv, type ErrorObject, type SchemaValidateFunction, type ValidateFunction } from 'ajv';
import type { FieldPath, Finding } from './finding.js';
import { fieldName, quote } from './finding.js';
import { POLICY_KINDS, type PolicyKind, policySchema, SHARED_SCHEMAS } from './manifest-schema.js';
import { suggest } from './suggestion.js';
import type { ReadOptions, ValueCheckName } from './value-checks.js';
import { VALUE_CHECKS } from './value-checks.js';

const checkValue: SchemaValidateFunction = function (this: ReadOptions, name: ValueCheckName, value: string | number) {
  const description = VALUE_CHECKS[name](String(value), this);
  if (description === undefined) return true;
  checkValue.errors = [{ keyword: 'check', message: description, params: {} }];
  return false;
};

interface Choice {
  readonly names: readonly string[];
  readonly needed: boolean;
}

const checkChoice: SchemaValidateFunction = ({ names, needed }: Choice, value: Record<string, unknown>) => {
  const given = names.filter((name) => value[name] != null);
  if (given.length === 1 || (given.length === 0 && !needed)) return true;
  const params = { field: given[1] ?? names[0] };
  const message = given.length === 0 ? missingChoice(names) : `stands beside \`${given[0]}\`: only one of the two may`;
  checkChoice.errors = [{ keyword: 'choice', message, params }];
  return false;
};

function missingChoice([first, ...others]: readonly string[]): string {
  return others.length === 0 ? missingSentence(first!) : `missing one of ${[first!, ...others].map(quote).join(', ')}`;
}

const validators = new Map<PolicyKind, ValidateFunction>();

let shared: Ajv | undefined;

/** Made when it is first asked for: a program that starts need not wait for it. */
function compiler(): Ajv {
  shared ??= makeCompiler();
  return shared;
}

function makeCompiler(): Ajv {
  const ajv = new Ajv({
    allErrors: true,
    verbose: true,
    // Hands the options through `this`, so that one compiled schema serves every caller.
    passContext: true,
    allowUnionTypes: true,
    // A test compares the schemas with JSON Schema's own; they are the same at each start.
    meta: false,
    validateSchema: false,
    code: { optimize: false },
  });
  ajv.addKeyword({
    keyword: 'check',
    type: ['string', 'number'],
    schemaType: 'string',
    errors: true,
    validate: checkValue,
  });
  ajv.addKeyword({
    keyword: 'unsupported',
    schemaType: 'object',
    validate: (_field: UnsupportedField, value: unknown) => saysNothing(value),
  });
  ajv.addKeyword({ keyword: 'choice', type: 'object', schemaType: 'object', errors: true, validate: checkChoice });
  // Copies: it writes into what it compiles, and the schemas are also what definitions of Kubernetes are made of.
  for (const [name, schema] of SHARED_SCHEMAS) ajv.addSchema(structuredClone(schema), name);
  return ajv;
}

function validatorOf(kind: PolicyKind): ValidateFunction {
  const validator = validators.get(kind) ?? compiler().compile(structuredClone(policySchema(kind)));
  validators.set(kind, validator);
  return validator;
}

/** Compiles every schema, one a step, for a program that would rather not do it when a policy comes. */
export function* compileSchemas(): Generator<void> {
  for (const name of SHARED_SCHEMAS.keys()) yield void compiler().getSchema(name);
  for (const kind of POLICY_KINDS) yield void validatorOf(kind);
}

/** Everything in a document that the schema of its kind, the value checks among it, does not accept. */
export function checkSchema(document: unknown, kind: PolicyKind, options: ReadOptions): Finding[] {
  const validate = validatorOf(kind);
  if (validate.call(options, document)) return [];
  const errors = validate.errors ?? [];
  const findings = new Map<string, Finding>();
  for (const error of errors) {
    const finding = toFinding(error, document);
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

export function missingSentence(field: string): string {
  return `missing required field \`${field}\``;
}

function toFinding(error: ErrorObject, document: unknown): Finding {
  const path = pathOf(error.instancePath, document);
  const at = (description: string): Finding => ({ path, description, fault: 'value' });
  switch (error.keyword) {
    case 'additionalProperties': {
      const field: string = error.params.additionalProperty;
      const label = misplacedLabel(path, field, error.data);
      if (label !== undefined) return { path: [...path, field], description: label, fault: 'key' };
      const known = suggest(field, Object.keys(error.parentSchema?.properties ?? {}));
      const hint = known === undefined ? '' : `, did you mean \`${known}\`?`;
      return { path: [...path, field], description: `unknown field ${quote(field)}${hint}`, fault: 'key' };
    }
    case 'required': {
      const field: string = error.params.missingProperty;
      const hint = SELECTORS_FOR_ALL[fieldName([...path, field])] ?? '';
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
      const hint = error.data === null ? (SELECTORS_FOR_ALL[fieldName(path)] ?? '') : '';
      return at((type === 'integer' ? rangeSentence(error) : TYPE_SENTENCES[type]!) + hint);
    }
    default:
      return at(error.message!);
  }
}

/** What to write where a policy is meant for all it can reach. */
const SELECTORS_FOR_ALL: Readonly<Record<string, string>> = {
  'spec.selector': '; to reach every container write `selector: {matchLabels: {}}`',
  'spec.nodeSelector': '; to reach every host write `nodeSelector: {matchLabels: {}}`',
};

/** What to write in place of a label that stands in a selector itself; undefined for anything else. */
function misplacedLabel(path: FieldPath, field: string, selector: unknown): string | undefined {
  const name = fieldName(path);
  if (SELECTORS_FOR_ALL[name] === undefined || suggest(field, ['matchLabels', 'matchExpressions'])) return undefined;
  const value = (selector as Record<string, unknown>)[field];
  if (typeof value === 'object' && value !== null) return undefined;
  const label = `${field}: ${value}`;
  return `unknown field ${quote(field)}: labels stand in \`matchLabels\`, write ${quote(`${path.at(-1)}: {matchLabels: {${label}}}`)}`;
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

/** Whether a value of an unsupported field asks for nothing: generators write such empty sections. */
function saysNothing(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).every(saysNothing);
  return value === null || value === undefined || value === false || value === '';
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
