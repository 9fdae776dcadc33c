import { type Action, POLICY_ORIGINS, type RuleClass } from '../policy/model.js';
import type { SecurityEvent } from './event.js';

/**
 * Which events a reader asks for. A field left out or empty lets everything pass; several values of one field are
 * alternatives; all fields must agree.
 */
export interface EventFilter {
  readonly containerIds?: readonly string[];
  readonly containerNames?: readonly string[];
  readonly namespaces?: readonly string[];
  /**
   * A policy's name, in any namespace, or `namespace/name`; an origin and a colon before it limit it to that origin.
   */
  readonly policies?: readonly string[];
  readonly classes?: readonly RuleClass[];
  readonly actions?: readonly Action[];
  readonly results?: readonly NonNullable<SecurityEvent['result']>[];
  readonly minimumSeverity?: number;
  /** Which objects. */
  readonly objectMatches?: (object: string) => boolean;
  /** Labels the container must carry, all of them. */
  readonly labels?: Readonly<Record<string, string>>;
}

export type EventPredicate = (event: SecurityEvent) => boolean;

/** Makes one predicate of a filter. Empty fields cost nothing per event. */
export function compileFilter(filter: EventFilter): EventPredicate {
  const checks: EventPredicate[] = [];
  const ofDecisions = compileDecisionFilter(filter);
  addOneOf(checks, filter.containerIds, (event) => event.containerId);
  addOneOf(checks, filter.containerNames, (event) => event.containerName);
  addOneOf(checks, filter.namespaces, (event) => event.namespace);
  const labels = Object.entries(filter.labels ?? {});
  if (labels.length > 0) checks.push((event) => labels.every(([key, value]) => event.labels[key] === value));
  // It is not known what a summary stands for, so it does not pass filters on decisions.
  if (ofDecisions.length > 0) {
    checks.push((event) => event.suppressed > 0 || ofDecisions.every((check) => check(event)));
  }
  return (event) => {
    for (const check of checks) if (!check(event)) return false;
    return true;
  };
}

function compileDecisionFilter(filter: EventFilter): EventPredicate[] {
  const checks: EventPredicate[] = [];
  addOneOf(checks, filter.classes, (event) => event.class);
  addOneOf(checks, filter.actions, (event) => event.action);
  addOneOf(checks, filter.results, (event) => event.result);
  addPolicies(checks, filter.policies ?? []);
  const minimum = filter.minimumSeverity ?? 0;
  if (minimum > 0) checks.push((event) => event.severity >= minimum);
  const { objectMatches } = filter;
  if (objectMatches !== undefined) checks.push((event) => objectMatches(event.object));
  return checks;
}

function addOneOf<T>(
  checks: EventPredicate[],
  values: readonly T[] | undefined,
  of: (event: SecurityEvent) => T | undefined,
): void {
  if (values === undefined || values.length === 0) return;
  const accepted = new Set<T | undefined>(values);
  checks.push((event) => accepted.has(of(event)));
}

function addPolicies(checks: EventPredicate[], policies: readonly string[]): void {
  if (policies.length === 0) return;
  const wanted = new Set(policies);
  const withOrigin = policies.some((policy) => POLICY_ORIGINS.some((origin) => policy.startsWith(`${origin}:`)));
  checks.push((event) => {
    const { policy, policyNamespace, policyOrigin } = event;
    const full = `${policyNamespace}/${policy}`;
    if (wanted.has(policy) || wanted.has(full)) return true;
    return withOrigin && (wanted.has(`${policyOrigin}:${policy}`) || wanted.has(`${policyOrigin}:${full}`));
  });
}
