import { Failure, invalidInput } from '../failure.js';
import type { Timestamp } from '../generated/google/protobuf/timestamp.js';
import { Action, Mode, type Policy, type Rule, Scope } from '../generated/hauberk/v1/policy.js';
import type { PolicyKind } from '../policy/manifest-schema.js';
import { sourceDocument } from '../policy/manifest-text.js';
import type { RuleClass, Scope as ScopeName } from '../policy/model.js';
import type { PolicyDocument } from '../policy/policy-document.js';
import { casesOf, isListed, placeEntry, toEntry } from './match-message.js';
import { ACTION_CHOICE, ACTION_NAMES, CLASS_CHOICE, CLASS_NAMES, SCOPE_CHOICE, SCOPE_NAMES } from './names.js';
import { RequestChecks } from './request-checks.js';

/** A typed policy in a manifest's shape, with the way back for the problems found in it. */
export interface ConvertedPolicy {
  readonly document: PolicyDocument;
  /** Turns a Failure about the document into one about the message; anything else comes back as it is. */
  translate(thrown: unknown): unknown;
}

const KINDS: Readonly<Record<ScopeName, PolicyKind>> = {
  namespace: 'KubeArmorPolicy',
  cluster: 'KubeArmorClusterPolicy',
  host: 'KubeArmorHostPolicy',
};

const MODES: readonly Mode[] = [Mode.UNSPECIFIED, Mode.ENFORCE, Mode.PERMISSIVE];

/**
 * Writes a Policy message as the manifest it stands for. Only what a manifest cannot express is checked here.
 *
 * @param field where the message stands in its request
 * @throws Failure invalid-argument naming fields of the message, such as `policy.rules[3].class`
 */
export function convertPolicy(policy: Policy, field: string): ConvertedPolicy {
  checkShape(policy, field);
  const sections: Record<string, unknown> = {};
  const fieldsOfRules = new Map<string, string>();
  for (const [index, rule] of policy.rules.entries()) {
    const ruleClass = CLASS_NAMES.get(rule.class)!;
    const { list, entry } = toEntry(rule.match!);
    const items = listIn(sections, ruleClass, list);
    fieldsOfRules.set(`spec.${ruleClass}${list && `.${list}`}[${items.length}]`, `${field}.rules[${index}]`);
    items.push({ ...entry, ...traitsOf(rule) });
  }
  const scope = scopeOf(policy)!;
  const document = {
    kind: KINDS[scope],
    metadata: { name: policy.name, ...(policy.namespace !== '' && { namespace: policy.namespace }) },
    spec: { ...headOfPolicy(policy, scope), ...sections },
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

function scopeOf({ scope }: Policy): ScopeName | undefined {
  return scope === Scope.UNSPECIFIED ? 'namespace' : SCOPE_NAMES.get(scope);
}

function headOfPolicy(policy: Policy, scope: ScopeName): object {
  const { selector, priority, mode, guardsOff, heldDescriptorsLeft, loaderLibraries, expires, message, tags } = policy;
  const { matchLabels, matchExpressions } = selector!;
  return {
    [scope === 'host' ? 'nodeSelector' : 'selector']: {
      matchLabels,
      ...(matchExpressions.length > 0 && { matchExpressions }),
    },
    ...(priority !== 0 && { priority }),
    ...(mode === Mode.PERMISSIVE && { mode: 'audit' }),
    ...(guardsOff && { guards: 'off' }),
    ...(heldDescriptorsLeft && { heldDescriptors: 'leave' }),
    ...(loaderLibraries.length > 0 && { loaderLibraries: loaderLibraries.map(placeEntry) }),
    ...(message !== '' && { message }),
    ...(tags.length > 0 && { tags }),
    ...(expires !== undefined && { expires: timeText(expires) }),
  };
}

function timeText({ seconds, nanos }: Timestamp): string {
  const time = new Date(Number(seconds) * 1000 + Math.floor(nanos / 1e6));
  // An invalid time is left to the check of the field.
  return Number.isNaN(time.getTime()) ? String(seconds) : time.toISOString();
}

/** The list that items of a match stand in; made where it is not there yet. */
function listIn(sections: Record<string, unknown>, ruleClass: RuleClass, list: string): object[] {
  if (list === '') {
    sections[ruleClass] ??= [];
    return sections[ruleClass] as object[];
  }
  sections[ruleClass] ??= {};
  const section = sections[ruleClass] as Record<string, object[]>;
  section[list] ??= [];
  return section[list];
}

function checkShape(policy: Policy, field: string): void {
  const checks = new RequestChecks();
  checks.require(policy.name !== '', `${field}.name`, 'must not be empty');
  const selectorMissing = 'must be set; an empty selector reaches every container of the namespace';
  checks.require(policy.selector !== undefined, `${field}.selector`, selectorMissing);
  checks.require(policy.rules.length > 0, `${field}.rules`, 'at least one rule is required');
  checks.require(scopeOf(policy) !== undefined, `${field}.scope`, `must be ${SCOPE_CHOICE}`);
  checks.require(MODES.includes(policy.mode), `${field}.mode`, 'must be MODE_ENFORCE or MODE_PERMISSIVE');
  for (const [index, rule] of policy.rules.entries()) checkRule(rule, `${field}.rules[${index}]`, checks);
  checks.done();
}

function checkRule(rule: Rule, field: string, checks: RequestChecks): void {
  const ruleClass = CLASS_NAMES.get(rule.class);
  checks.require(ruleClass !== undefined, `${field}.class`, `must be ${CLASS_CHOICE}`);
  const cases = ruleClass === undefined ? [] : casesOf(ruleClass);
  const matchCase = rule.match?.$case;
  const fits = ruleClass === undefined || (matchCase !== undefined && cases.includes(matchCase));
  const choice = cases.map((each) => each.replace(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`)).join(', ');
  checks.require(fits, `${field}.match`, `one of ${choice} must be set`);
  const isAction = rule.action === Action.UNSPECIFIED || ACTION_NAMES.has(rule.action);
  checks.require(isAction, `${field}.action`, `must be ${ACTION_CHOICE}`);
  const value = rule.match?.value;
  const isOne = typeof value !== 'string' || !isListed(matchCase!) || !value.includes(',');
  checks.require(isOne, `${field}.${matchCase}`, 'must be one value: each has a rule of its own');
  const hasNoSource = matchCase !== 'pattern' || rule.fromSource.length === 0;
  checks.require(hasNoSource, `${field}.from_source`, 'cannot be combined with a pattern');
  checks.require(!rule.readOnly || ruleClass === 'file', `${field}.read_only`, 'is for FILE rules only');
  const hasOwner = ruleClass === 'file' || ruleClass === 'process';
  checks.require(!rule.terminal || hasOwner, `${field}.terminal`, 'is for PROCESS and FILE rules only');
  const call = rule.match?.$case === 'systemCall' ? rule.match.value : undefined;
  const isPlaced = call === undefined || !call.recursive || call.path !== '';
  checks.require(isPlaced, `${field}.system_call.recursive`, 'needs a path');
  const hasOperations = rule.operations.length > 0;
  checks.require(!hasOperations || ruleClass === 'file', `${field}.operations`, 'is for FILE rules only');
  const hasArguments = rule.allowedArguments !== undefined;
  const takesArguments = matchCase === 'path' || matchCase === 'programName';
  const argumentsFit = !hasArguments || (ruleClass === 'process' && takesArguments);
  checks.require(argumentsFit, `${field}.allowed_arguments`, 'is for PROCESS rules with path or program_name only');
  checks.require(rule.except.length === 0 || ruleClass === 'presets', `${field}.except`, 'is for PRESET rules only');
  checks.require(!rule.ownerOnly || hasOwner, `${field}.owner_only`, 'is for PROCESS and FILE rules only');
}

/** The fields of a rule beside its match. */
function traitsOf(rule: Rule): object {
  return {
    ...(rule.fromSource.length > 0 && { fromSource: rule.fromSource.map(sourceDocument) }),
    ...(rule.readOnly && { readOnly: true }),
    ...(rule.ownerOnly && { ownerOnly: true }),
    ...(rule.terminal && { pts: false }),
    ...(rule.except.length > 0 && { except: rule.except.map(placeEntry) }),
    ...(rule.operations.length > 0 && { operations: rule.operations }),
    ...(rule.allowedArguments !== undefined && { allowedArgs: rule.allowedArguments.arguments }),
    ...(rule.action !== Action.UNSPECIFIED && { action: ACTION_NAMES.get(rule.action)! }),
    ...(rule.severity !== 0 && { severity: rule.severity }),
    ...(rule.tags.length > 0 && { tags: rule.tags }),
    ...(rule.message !== '' && { message: rule.message }),
  };
}

/** Manifest fields, with the field of the message that carries them. */
const FIELDS: readonly (readonly [RegExp, string])[] = [
  [/^metadata\.(name|namespace)$/u, '$1'],
  [/^spec\.(?:selector|nodeSelector)\.matchLabels/u, 'selector.match_labels'],
  [/^spec\.selector\.matchExpressions/u, 'selector.match_expressions'],
  [/^spec\.(priority|expires|message|tags(?:\[\d+\])?)$/u, '$1'],
  [/^spec\.loaderLibraries\[(\d+)\]\.(path|pattern)$/u, 'loader_libraries[$1].$2'],
  [/^spec\.loaderLibraries\[(\d+)\]\.(?:dir|recursive)$/u, 'loader_libraries[$1].directory'],
  [/^spec\.loaderLibraries/u, 'loader_libraries'],
  [/^spec$/u, 'rules'],
];
const ITEM_FIELDS: readonly (readonly [RegExp, string])[] = [
  [/^\.dir$/u, '.directory.directory'],
  [/^\.recursive$/u, '.directory.recursive'],
  [/^\.fromSource\[(\d+)\](\.path)?$/u, '.from_source[$1]'],
  [/^\.fromSource$/u, '.from_source'],
  [/^\.readOnly$/u, '.read_only'],
  [/^\.pts$/u, '.terminal'],
  [/^\.except\[(\d+)\]\.(path|pattern)$/u, '.except[$1].$2'],
  [/^\.except\[(\d+)\]\.(?:dir|recursive)$/u, '.except[$1].directory'],
  [/^\.execname$/u, '.program_name'],
  [/^\.allowedArgs(\[\d+\])?$/u, '.allowed_arguments.arguments$1'],
  [/^\.ownerOnly$/u, '.owner_only'],
  [/^\.(protocol|cidr|ports|direction)$/u, '.endpoint.$1'],
];

const CALL_FIELDS: readonly (readonly [RegExp, string])[] = [
  [/^\.(path|recursive)$/u, '.system_call.$1'],
  [/^\.syscall(\[\d+\])?$/u, '.system_call.names$1'],
  ...ITEM_FIELDS,
];

function toProtoField(field: string, policyField: string, fieldsOfRules: ReadonlyMap<string, string>): string {
  const item = /^spec\.\w+(?:\.\w+)?\[\d+\]/u.exec(field)?.[0] ?? '';
  const ruleField = fieldsOfRules.get(item);
  if (ruleField === undefined) return `${policyField}.${replaceFirst(field, FIELDS)}`;
  const fields = item.startsWith('spec.syscalls.') ? CALL_FIELDS : ITEM_FIELDS;
  return ruleField + replaceFirst(field.slice(item.length), fields);
}

function replaceFirst(text: string, replacements: readonly (readonly [RegExp, string])[]): string {
  const found = replacements.find(([pattern]) => pattern.test(text));
  return found === undefined ? text : text.replace(...found);
}
