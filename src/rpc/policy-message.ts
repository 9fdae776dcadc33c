import { Failure, invalidInput } from '../failure.js';
import { AccessClass, Action, type Policy, type Rule } from '../generated/hauberk/v1/policy.js';
import type { Action as ActionName, RuleClass } from '../policy/model.js';
import type { Item, PolicyDocument } from '../policy/policy-document.js';
import { RequestChecks } from './request-checks.js';

/** A typed policy in a manifest's shape, with the way back for the problems found in it. */
export interface ConvertedPolicy {
  readonly document: PolicyDocument;
  /** Turns a Failure about the document into one about the message; anything else comes back as it is. */
  translate(thrown: unknown): unknown;
}

const CLASSES: Readonly<Partial<Record<AccessClass, RuleClass>>> = {
  [AccessClass.PROCESS]: 'process',
  [AccessClass.FILE]: 'file',
};
const ACTIONS: Readonly<Partial<Record<Action, ActionName>>> = {
  [Action.ALLOW]: 'Allow',
  [Action.AUDIT]: 'Audit',
  [Action.BLOCK]: 'Block',
};
const LISTS = { path: 'matchPaths', directory: 'matchDirectories', pattern: 'matchPatterns' } as const;

type Sections = Record<RuleClass, Record<(typeof LISTS)[keyof typeof LISTS], Item[]>>;

/**
 * Writes a Policy message as the manifest it stands for. Only what a manifest cannot express is checked here.
 *
 * @throws Failure invalid-argument naming fields of the message, such as `policy.rules[3].class`
 */
export function convertPolicy(policy: Policy): ConvertedPolicy {
  checkShape(policy);
  const sections: Sections = { process: emptyLists(), file: emptyLists() };
  const fieldsOfRules = new Map<string, string>();
  for (const [index, rule] of policy.rules.entries()) {
    const ruleClass = CLASSES[rule.class]!;
    const list = LISTS[rule.match!.$case];
    fieldsOfRules.set(`spec.${ruleClass}.${list}[${sections[ruleClass][list].length}]`, `policy.rules[${index}]`);
    sections[ruleClass][list].push(toItem(rule));
  }
  const document = {
    metadata: { name: policy.name, ...(policy.namespace !== '' && { namespace: policy.namespace }) },
    spec: { selector: { matchLabels: policy.selector!.matchLabels }, ...sections },
  } as unknown as PolicyDocument;
  return {
    document,
    translate(thrown) {
      if (!(thrown instanceof Failure) || thrown.problems.length === 0) return thrown;
      const problems = thrown.problems.map((problem) => ({
        ...problem,
        field: toProtoField(problem.field, fieldsOfRules),
      }));
      return new Failure(thrown.code, invalidInput(problems).message, problems, { cause: thrown });
    },
  };
}

function checkShape(policy: Policy): void {
  const checks = new RequestChecks();
  checks.require(policy.name !== '', 'policy.name', 'must not be empty');
  const selectorMissing = 'must be set; an empty selector reaches every container of the namespace';
  checks.require(policy.selector !== undefined, 'policy.selector', selectorMissing);
  checks.require(policy.rules.length > 0, 'policy.rules', 'at least one rule is required');
  for (const [index, rule] of policy.rules.entries()) checkRule(rule, `policy.rules[${index}]`, checks);
  checks.done();
}

function checkRule(rule: Rule, field: string, checks: RequestChecks): void {
  const isKnown = CLASSES[rule.class] !== undefined;
  const isPlanned = rule.class === AccessClass.NETWORK || rule.class === AccessClass.CAPABILITY;
  const classProblem = isPlanned ? `${AccessClass[rule.class]} rules are not supported by this version` : CLASS_PROBLEM;
  checks.require(isKnown, `${field}.class`, classProblem);
  checks.require(rule.match !== undefined, `${field}.match`, 'one of path, directory and pattern must be set');
  const isAction = rule.action === Action.ACTION_UNSPECIFIED || ACTIONS[rule.action] !== undefined;
  checks.require(isAction, `${field}.action`, 'must be ALLOW, AUDIT or BLOCK');
  const hasNoSource = rule.match?.$case !== 'pattern' || rule.fromSource.length === 0;
  checks.require(hasNoSource, `${field}.from_source`, 'cannot be combined with a pattern');
  const isReadOnlyProcess = rule.class === AccessClass.PROCESS && rule.readOnly;
  checks.require(!isReadOnlyProcess, `${field}.read_only`, 'is for FILE rules only');
}

const CLASS_PROBLEM = 'must be PROCESS or FILE';

function emptyLists() {
  return { matchPaths: [], matchDirectories: [], matchPatterns: [] };
}

function toItem(rule: Rule): Item {
  return {
    ...headOf(rule),
    ...(rule.fromSource.length > 0 && { fromSource: rule.fromSource.map((path) => ({ path })) }),
    ...(rule.readOnly && { readOnly: true }),
    ...(rule.ownerOnly && { ownerOnly: true }),
    ...(rule.action !== Action.ACTION_UNSPECIFIED && { action: ACTIONS[rule.action]! }),
    ...(rule.severity !== 0 && { severity: rule.severity }),
    ...(rule.tags.length > 0 && { tags: rule.tags }),
    ...(rule.message !== '' && { message: rule.message }),
  };
}

function headOf({ match }: Rule): object {
  if (match!.$case !== 'directory') return { [match!.$case]: match!.value };
  const { directory, recursive } = match!.value;
  return { dir: directory, ...(recursive && { recursive }) };
}

/** Manifest fields, with the field of the message that carries them. */
const FIELDS: readonly (readonly [RegExp, string])[] = [
  [/^metadata\.(name|namespace)$/u, 'policy.$1'],
  [/^spec\.selector\.matchLabels/u, 'policy.selector.match_labels'],
  [/^spec$/u, 'policy.rules'],
];
const ITEM_FIELDS: readonly (readonly [RegExp, string])[] = [
  [/^\.dir$/u, '.directory.directory'],
  [/^\.recursive$/u, '.directory.recursive'],
  [/^\.fromSource\[(\d+)\](\.path)?$/u, '.from_source[$1]'],
  [/^\.fromSource$/u, '.from_source'],
  [/^\.readOnly$/u, '.read_only'],
  [/^\.ownerOnly$/u, '.owner_only'],
];

function toProtoField(field: string, fieldsOfRules: ReadonlyMap<string, string>): string {
  const item = /^spec\.\w+\.\w+\[\d+\]/u.exec(field)?.[0] ?? '';
  const ruleField = fieldsOfRules.get(item);
  if (ruleField === undefined) return replaceFirst(field, FIELDS);
  return ruleField + replaceFirst(field.slice(item.length), ITEM_FIELDS);
}

function replaceFirst(text: string, replacements: readonly (readonly [RegExp, string])[]): string {
  const found = replacements.find(([pattern]) => pattern.test(text));
  return found === undefined ? text : text.replace(...found);
}
