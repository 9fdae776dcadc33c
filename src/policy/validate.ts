import { invalidInput } from '../failure.js';
import { type Separated, separateValues, writtenFindings } from './comma-lists.js';
import type { Finding } from './finding.js';
import { fieldName, quote } from './finding.js';
import { readPlace } from './kinds/paths.js';
import { POLICY_KINDS, type PolicyKind } from './manifest-schema.js';
import { DEFAULT_NAMESPACE, type Policy, RULE_CLASSES, type Scope } from './model.js';
import type { PolicyDocument } from './policy-document.js';
import { toRules } from './rules.js';
import { checkSchema, kubeArmorOnly } from './schema-check.js';
import { missingSentence } from './schema-keywords.js';
import { checkSelectorLabel } from './selector-labels.js';
import { suggest } from './suggestion.js';
import type { ReadOptions } from './value-checks.js';
import { remarksOn, remarkText } from './warnings.js';

/** KubeArmor's, for firewalls of hosts. */
const NETWORK_POLICY = 'KubeArmorNetworkPolicy';

const KUBEARMOR_GROUP = 'security.kubearmor.com/';
export const API_VERSION = `${KUBEARMOR_GROUP}v1`;

/** Our own kinds in Kubernetes, by the kind that each is like. */
export const OWN_GROUP = 'hauberk.io';
export const OWN_API_VERSION = `${OWN_GROUP}/v1alpha1`;
export const OWN_KINDS: Readonly<Record<string, PolicyKind>> = {
  SecurityPolicy: 'KubeArmorPolicy',
  ClusterSecurityPolicy: 'KubeArmorClusterPolicy',
  HostSecurityPolicy: 'KubeArmorHostPolicy',
};

const SCOPES: Readonly<Record<PolicyKind, Scope>> = {
  KubeArmorPolicy: 'namespace',
  KubeArmorClusterPolicy: 'cluster',
  KubeArmorHostPolicy: 'host',
};

/**
 * Reads a plain object of the shape of `PolicyDocument`. `apiVersion` and `kind` may be left out, but not be wrong.
 * @throws Failure invalid-argument with every problem of the document, without positions
 */
export function readPolicy(document: unknown, options: ReadOptions = {}): Policy {
  const examined = examine(document, options);
  if (examined.policy !== undefined) return examined.policy;
  throw invalidInput(examined.findings.map(({ path, description }) => ({ field: fieldName(path), description })));
}

/**
 * What is probably unintended in a valid policy, in sentences for its author.
 *
 * @param document what the policy was read from
 */
export function warningsOf(policy: Policy, document?: PolicyDocument): string[] {
  return remarksOn(policy, document).map(remarkText);
}

/** Rules are numbered as if each value between commas had an entry; `writtenPath` says where one of them is written. */
export type Examined =
  | { readonly policy: Policy; readonly findings?: undefined; readonly writtenPath: Separated['writtenPath'] }
  | { readonly policy?: undefined; readonly findings: readonly Finding[]; readonly writtenPath?: undefined };

/** Like `readPolicy`, but hands the findings over instead of throwing; `header` says whether it may be left out. */
export function examine(
  document: unknown,
  options: ReadOptions,
  header: 'required' | 'optional' = 'optional',
): Examined {
  const { foreign, missing } = checkHeader(document, header);
  const kind = kindOf(document);
  // Another kind of document has other fields: to list them all as unknown would bury the one problem.
  if (foreign.length > 0) return { findings: [...foreign, ...missing] };
  const { object, writtenPath } = separateValues(isOwn(document) ? likeKubearmors(document) : document);
  const found = checkSchema(object, kind ?? 'KubeArmorPolicy');
  const findings = [...missing, ...writtenFindings(found, writtenPath)];
  if (findings.length > 0) return { findings };
  const policy = toPolicy(object as PolicyDocument);
  const problems = [...problemsOf(object as PolicyDocument, policy, options)];
  return problems.length > 0 ? { findings: problems } : { policy, writtenPath };
}

/** Whether the document is of our own group; of one of its kinds only if its header is right. */
function isOwn(document: unknown): document is { readonly apiVersion: string; readonly kind?: string } {
  const { apiVersion } = (document ?? {}) as { readonly apiVersion?: unknown };
  return typeof apiVersion === 'string' && apiVersion.startsWith(`${OWN_GROUP}/`);
}

/** The kind whose schema a document with a right header is checked by. */
function kindOf(document: unknown): PolicyKind | undefined {
  const { kind } = (document ?? {}) as { readonly kind?: string | null };
  return isOwn(document) ? OWN_KINDS[kind ?? ''] : ((kind ?? undefined) as PolicyKind | undefined);
}

/** The status that Kubernetes keeps with a policy is not part of it. */
function likeKubearmors(document: object): object {
  const { status: _, ...written } = document as { readonly status?: unknown };
  return { ...written, apiVersion: API_VERSION, kind: kindOf(document) };
}

/**
 * API version and kind of an object of Kubernetes that is not a policy, nor meant to be one; undefined for any other. What
 * KubeArmor has and Hauberk has not was written to be enforced, so it is not foreign either.
 */
export function foreignKindOf(document: unknown): string | undefined {
  if (typeof document !== 'object' || document === null) return undefined;
  const { apiVersion, kind } = document as Record<string, unknown>;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return undefined;
  if (isOwn(document) || apiVersion.startsWith(KUBEARMOR_GROUP)) return undefined;
  if ((POLICY_KINDS as readonly string[]).includes(kind) || suggest(kind, POLICY_KINDS) !== undefined) return undefined;
  return `${apiVersion} ${kind}`;
}

/** What a schema cannot express. */
function* problemsOf({ spec }: PolicyDocument, policy: Policy, { now }: ReadOptions): Generator<Finding> {
  if (policy.expires !== undefined && now !== undefined && policy.expires <= now) {
    yield { path: ['spec', 'expires'], description: 'has passed already', fault: 'value' };
  }
  if (policy.scope === undefined && spec.selector?.matchLabels == null && spec.selector?.matchExpressions == null) {
    const description =
      'missing one of `matchLabels`, `matchExpressions`; to reach every container of the namespace write `selector: {matchLabels: {}}`';
    yield { path: ['spec', 'selector'], description, fault: 'value' };
  }
  const selector = spec.selector == null ? 'nodeSelector' : 'selector';
  for (const [label, value] of Object.entries(policy.matchLabels)) {
    const description = checkSelectorLabel(label, value);
    if (description !== undefined)
      yield { path: ['spec', selector, 'matchLabels', label], description, fault: 'value' };
  }
  for (const [index, { key, values }] of (policy.matchExpressions ?? []).entries()) {
    const path = ['spec', 'selector', 'matchExpressions', index];
    if (key === 'namespace' && policy.scope === undefined) {
      const description = 'is for `KubeArmorClusterPolicy` only: this policy reaches its own namespace';
      yield { path: [...path, 'key'], description, fault: 'value' };
    }
    for (const [place, value] of values.entries()) {
      if (key === 'namespace') continue;
      const end = value.indexOf('=');
      const description =
        end > 0
          ? checkSelectorLabel(value.slice(0, end), value.slice(end + 1))
          : `must be a label such as \`app=web\`, not ${quote(value)}`;
      if (description === undefined) continue;
      yield { path: [...path, 'values', place], description, fault: 'value' };
    }
  }
  for (const list of ['matchPaths', 'matchDirectories', 'matchPatterns'] as const) {
    for (const [index, { readOnly, operations }] of (spec.file?.[list] ?? []).entries()) {
      if (!readOnly || operations == null) continue;
      const description = 'cannot be combined with `operations`, which says what may be done';
      yield { path: ['spec', 'file', list, index, 'readOnly'], description, fault: 'value' };
    }
  }
  yield* presetProblems(spec, policy);
  if (policy.rules.length > 0) return;
  const description = `at least one rule is required, in ${RULE_CLASSES.map(quote).join(', ')}`;
  yield { path: ['spec'], description, fault: 'value' };
}

function* presetProblems({ presets }: PolicyDocument['spec'], { scope }: Policy): Generator<Finding> {
  for (const [index, { name, except }] of (presets ?? []).entries()) {
    const path = ['spec', 'presets', index];
    if (name === 'drift' && scope === 'host') {
      const description = 'is for containers: what a host runs comes from no image';
      yield { path: [...path, 'name'], description: `\`drift\` ${description}`, fault: 'value' };
    }
    if (name !== 'drift' && except?.length)
      yield { path: [...path, 'except'], description: 'is for the preset `drift` only', fault: 'key' };
  }
}

function checkHeader(document: unknown, header: 'required' | 'optional'): { foreign: Finding[]; missing: Finding[] } {
  const foreign: Finding[] = [];
  const missing: Finding[] = [];
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return { foreign, missing };
  const accepted: Readonly<Record<string, readonly string[]>> = isOwn(document)
    ? { apiVersion: [OWN_API_VERSION], kind: Object.keys(OWN_KINDS) }
    : { apiVersion: [API_VERSION], kind: POLICY_KINDS };
  for (const [field, values] of Object.entries(accepted)) {
    const value = (document as Record<string, unknown>)[field] ?? undefined;
    if (value === undefined) {
      if (header === 'required') missing.push({ path: [field], description: missingSentence(field), fault: 'value' });
    } else if (!values.includes(value as string)) {
      foreign.push({ path: [field], description: describeForeign(value, values), fault: 'value' });
    }
  }
  return { foreign, missing };
}

function describeForeign(value: unknown, accepted: readonly string[]): string {
  const choice = accepted.length === 1 ? quote(accepted[0]!) : `one of ${accepted.map(quote).join(', ')}`;
  if (typeof value !== 'string') return `must be ${choice}`;
  if (value === NETWORK_POLICY) return `${kubeArmorOnly(value)}: write its rules in \`network\` of ${choice}`;
  const near = suggest(value, accepted);
  return `must be ${choice}, not ${quote(value)}${near === undefined ? '' : `, did you mean ${quote(near)}?`}`;
}

function toPolicy({ kind, metadata, spec }: PolicyDocument): Policy {
  const scope = SCOPES[(kind as PolicyKind | null | undefined) ?? 'KubeArmorPolicy'];
  const selector = spec.selector ?? spec.nodeSelector ?? {};
  return {
    name: metadata.name,
    namespace: scope === 'namespace' ? (metadata.namespace ?? DEFAULT_NAMESPACE) : '',
    ...(scope !== 'namespace' && { scope }),
    matchLabels: Object.fromEntries(Object.entries(selector.matchLabels ?? {})),
    ...(selector.matchExpressions?.length && { matchExpressions: selector.matchExpressions }),
    ...(spec.priority && { priority: spec.priority }),
    ...(spec.mode === 'audit' && { mode: spec.mode }),
    ...(spec.guards === 'off' && { guards: false as const }),
    ...(spec.heldDescriptors === 'leave' && { heldDescriptors: spec.heldDescriptors }),
    ...(spec.loaderLibraries?.length && {
      loaderLibraries: spec.loaderLibraries.map((place) => readPlace(place).target!),
    }),
    ...(spec.expires != null && { expires: Date.parse(spec.expires) }),
    rules: toRules(spec),
  };
}
