import { invalidInput } from '../failure.js';
import type { Finding } from './finding.js';
import { fieldName, quote } from './finding.js';
import type { Policy } from './model.js';
import type { PolicyDocument } from './policy-document.js';
import { toRules } from './rules.js';
import { checkSchema, missingSentence, unsupportedSentence } from './schema-check.js';
import { suggest } from './suggestion.js';
import type { ReadOptions } from './value-checks.js';

export const API_VERSION = 'security.kubearmor.com/v1';
export const KIND = 'KubeArmorPolicy';
export const DEFAULT_NAMESPACE = 'default';

const UNSUPPORTED_KINDS: readonly unknown[] = ['KubeArmorHostPolicy', 'KubeArmorClusterPolicy'];

/**
 * Reads a plain object of the shape of `PolicyDocument`. `apiVersion` and `kind` may be left out, but not be wrong.
 * @throws Failure invalid-argument with every problem of the document, without positions
 */
export function readPolicy(document: unknown, options: ReadOptions): Policy {
  const examined = examine(document, options);
  if (examined.policy !== undefined) return examined.policy;
  throw invalidInput(examined.findings.map(({ path, description }) => ({ field: fieldName(path), description })));
}

/** What is probably not meant in a valid policy, in sentences for its author. */
export function warningsOf(policy: Policy): string[] {
  if (Object.keys(policy.matchLabels).length > 0) return [];
  const description = `is empty, so the policy reaches every container of namespace \`${policy.namespace}\``;
  return [`spec.selector.matchLabels: ${description}`];
}

export type Examined =
  | { readonly policy: Policy; readonly findings?: undefined }
  | { readonly policy?: undefined; readonly findings: readonly Finding[] };

/** Like `readPolicy`, but hands the findings over instead of throwing; `header` says whether it may be left out. */
export function examine(
  document: unknown,
  options: ReadOptions,
  header: 'required' | 'optional' = 'optional',
): Examined {
  const { foreign, missing } = checkHeader(document, header);
  // Another kind of document has other fields: to list them all as unknown would bury the one problem.
  if (foreign.length > 0) return { findings: [...foreign, ...missing] };
  const findings = [...missing, ...checkSchema(document, options)];
  if (findings.length > 0) return { findings };
  const policy = toPolicy(document as PolicyDocument);
  if (policy.rules.length > 0) return { policy };
  const description = 'at least one rule is required, in `process`, `file`, `network` or `capabilities`';
  return { findings: [{ path: ['spec'], description, fault: 'value' }] };
}

function checkHeader(document: unknown, header: 'required' | 'optional'): { foreign: Finding[]; missing: Finding[] } {
  const foreign: Finding[] = [];
  const missing: Finding[] = [];
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return { foreign, missing };
  for (const [field, accepted] of Object.entries({ apiVersion: API_VERSION, kind: KIND })) {
    const value = (document as Record<string, unknown>)[field] ?? undefined;
    if (value === undefined) {
      if (header === 'required') missing.push({ path: [field], description: missingSentence(field), fault: 'value' });
    } else if (value !== accepted) {
      foreign.push({ path: [field], description: describeForeign(value, accepted), fault: 'value' });
    }
  }
  return { foreign, missing };
}

function describeForeign(value: unknown, accepted: string): string {
  if (typeof value !== 'string') return `must be \`${accepted}\``;
  if (UNSUPPORTED_KINDS.includes(value)) return unsupportedSentence(`\`${value}\` is`);
  const hint = suggest(value, [accepted]) === undefined ? '' : `, did you mean \`${accepted}\`?`;
  return `must be \`${accepted}\`, not ${quote(value)}${hint}`;
}

function toPolicy({ metadata, spec }: PolicyDocument): Policy {
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? DEFAULT_NAMESPACE,
    matchLabels: Object.fromEntries(Object.entries(spec.selector.matchLabels)),
    rules: toRules(spec),
  };
}
