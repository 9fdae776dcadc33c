import { Failure, invalidInput } from '../failure.js';
import { Action, Direction, type Policy, type Rule } from '../generated/hauberk/v1/policy.js';
import type { RuleClass } from '../policy/model.js';
import type { PolicyDocument } from '../policy/policy-document.js';
import { ACTION_CHOICE, ACTION_NAMES, CLASS_CHOICE, CLASS_NAMES, DIRECTION_NAMES } from './names.js';
import { RequestChecks } from './request-checks.js';

/** A typed policy in a manifest's shape, with the way back for the problems found in it. */
export interface ConvertedPolicy {
  readonly document: PolicyDocument;
  /** Turns a Failure about the document into one about the message; anything else comes back as it is. */
  translate(thrown: unknown): unknown;
}

/** Which section a rule of a class stands in, and which list a match of a kind. */
const LISTS = {
  path: 'matchPaths',
  directory: 'matchDirectories',
  pattern: 'matchPatterns',
  protocol: 'matchProtocols',
  family: 'matchFamilies',
  endpoint: 'matchEndpoints',
  capability: 'matchCapabilities',
} as const;
type MatchCase = keyof typeof LISTS;

const PATH_CASES: readonly MatchCase[] = ['path', 'directory', 'pattern'];
const CASES: Readonly<Record<RuleClass, readonly MatchCase[]>> = {
  process: PATH_CASES,
  file: PATH_CASES,
  network: ['protocol', 'family', 'endpoint'],
  capabilities: ['capability'],
};

type Sections = Partial<Record<RuleClass, Partial<Record<(typeof LISTS)[MatchCase], object[]>>>>;

/**
 * Writes a Policy message as the manifest it stands for. Only what a manifest cannot express is checked here.
 *
 * @param field where the message stands in its request
 * @throws Failure invalid-argument naming fields of the message, such as `policy.rules[3].class`
 */
export function convertPolicy(policy: Policy, field: string): ConvertedPolicy {
  checkShape(policy, field);
  const sections: Sections = {};
  const fieldsOfRules = new Map<string, string>();
  for (const [index, rule] of policy.rules.entries()) {
    const ruleClass = CLASS_NAMES.get(rule.class)!;
    const list = LISTS[rule.match!.$case];
    const section = sections[ruleClass] ?? {};
    const items = section[list] ?? [];
    sections[ruleClass] = { ...section, [list]: items };
    fieldsOfRules.set(`spec.${ruleClass}.${list}[${items.length}]`, `${field}.rules[${index}]`);
    items.push(toItem(rule));
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
        field: toProtoField(problem.field, field, fieldsOfRules),
      }));
      return new Failure(thrown.code, invalidInput(problems).message, problems, { cause: thrown });
    },
  };
}

function checkShape(policy: Policy, field: string): void {
  const checks = new RequestChecks();
  checks.require(policy.name !== '', `${field}.name`, 'must not be empty');
  const selectorMissing = 'must be set; an empty selector reaches every container of the namespace';
  checks.require(policy.selector !== undefined, `${field}.selector`, selectorMissing);
  checks.require(policy.rules.length > 0, `${field}.rules`, 'at least one rule is required');
  for (const [index, rule] of policy.rules.entries()) checkRule(rule, `${field}.rules[${index}]`, checks);
  checks.done();
}

function checkRule(rule: Rule, field: string, checks: RequestChecks): void {
  const ruleClass = CLASS_NAMES.get(rule.class);
  checks.require(ruleClass !== undefined, `${field}.class`, `must be ${CLASS_CHOICE}`);
  const cases = ruleClass === undefined ? [] : CASES[ruleClass];
  const matchCase = rule.match?.$case;
  const fits = ruleClass === undefined || (matchCase !== undefined && cases.includes(matchCase));
  checks.require(fits, `${field}.match`, `one of ${cases.join(', ')} must be set`);
  const isAction = rule.action === Action.ACTION_UNSPECIFIED || ACTION_NAMES.has(rule.action);
  checks.require(isAction, `${field}.action`, `must be ${ACTION_CHOICE}`);
  const hasNoSource = matchCase !== 'pattern' || rule.fromSource.length === 0;
  checks.require(hasNoSource, `${field}.from_source`, 'cannot be combined with a pattern');
  checks.require(!rule.readOnly || ruleClass === 'file', `${field}.read_only`, 'is for FILE rules only');
  const hasOwner = ruleClass === 'file' || ruleClass === 'process';
  checks.require(!rule.ownerOnly || hasOwner, `${field}.owner_only`, 'is for PROCESS and FILE rules only');
}

function toItem(rule: Rule): object {
  return {
    ...headOf(rule),
    ...(rule.fromSource.length > 0 && { fromSource: rule.fromSource.map((path) => ({ path })) }),
    ...(rule.readOnly && { readOnly: true }),
    ...(rule.ownerOnly && { ownerOnly: true }),
    ...(rule.action !== Action.ACTION_UNSPECIFIED && { action: ACTION_NAMES.get(rule.action)! }),
    ...(rule.severity !== 0 && { severity: rule.severity }),
    ...(rule.tags.length > 0 && { tags: rule.tags }),
    ...(rule.message !== '' && { message: rule.message }),
  };
}

function headOf({ match }: Rule): object {
  switch (match!.$case) {
    case 'directory': {
      const { directory, recursive } = match!.value;
      return { dir: directory, ...(recursive && { recursive }) };
    }
    case 'endpoint': {
      const { protocol, cidr, ports, direction } = match!.value;
      return {
        ...(protocol !== '' && { protocol }),
        ...(cidr !== '' && { cidr }),
        ...(ports !== '' && { ports }),
        ...(direction !== Direction.DIRECTION_UNSPECIFIED && {
          direction: DIRECTION_NAMES.get(direction) ?? String(direction),
        }),
      };
    }
    default:
      return { [match!.$case]: match!.value };
  }
}

/** Manifest fields, with the field of the message that carries them. */
const FIELDS: readonly (readonly [RegExp, string])[] = [
  [/^metadata\.(name|namespace)$/u, '$1'],
  [/^spec\.selector\.matchLabels/u, 'selector.match_labels'],
  [/^spec$/u, 'rules'],
];
const ITEM_FIELDS: readonly (readonly [RegExp, string])[] = [
  [/^\.dir$/u, '.directory.directory'],
  [/^\.recursive$/u, '.directory.recursive'],
  [/^\.fromSource\[(\d+)\](\.path)?$/u, '.from_source[$1]'],
  [/^\.fromSource$/u, '.from_source'],
  [/^\.readOnly$/u, '.read_only'],
  [/^\.ownerOnly$/u, '.owner_only'],
  [/^\.(protocol|cidr|ports|direction)$/u, '.endpoint.$1'],
];

function toProtoField(field: string, policyField: string, fieldsOfRules: ReadonlyMap<string, string>): string {
  const item = /^spec\.\w+\.\w+\[\d+\]/u.exec(field)?.[0] ?? '';
  const ruleField = fieldsOfRules.get(item);
  if (ruleField === undefined) return `${policyField}.${replaceFirst(field, FIELDS)}`;
  return ruleField + replaceFirst(field.slice(item.length), ITEM_FIELDS);
}

function replaceFirst(text: string, replacements: readonly (readonly [RegExp, string])[]): string {
  const found = replacements.find(([pattern]) => pattern.test(text));
  return found === undefined ? text : text.replace(...found);
}
