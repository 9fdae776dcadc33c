import type { Action, RuleClass } from '../policy/model.js';
import type { SecurityEvent } from './event.js';

/**
 * Which events a reader asks for. A field left out or empty lets everything pass; several values of one field are
 * alternatives; all fields must agree.
 */
export interface EventFilter {
  readonly containerIds?: readonly string[];
  readonly containerNames?: readonly string[];
  readonly namespaces?: readonly string[];
  /** A policy's name, in whatever namespace, or `namespace/name`. */
  readonly policies?: readonly string[];
  readonly classes?: readonly RuleClass[];
  readonly actions?: readonly Action[];
  readonly results?: readonly SecurityEvent['result'][];
  readonly minimumSeverity?: number;
  /** Labels the container must carry, all of them. */
  readonly labels?: Readonly<Record<string, string>>;
}

export type EventPredicate = (event: SecurityEvent) => boolean;

/** Makes one predicate of a filter. Fields that ask for nothing cost nothing per event. */
export function compileFilter(filter: EventFilter): EventPredicate {
  const checks: EventPredicate[] = [];
  const oneOf = (values: readonly string[] | undefined, of: (event: SecurityEvent) => string) => {
    if (values === undefined || values.length === 0) return;
    const accepted = new Set(values);
    checks.push((event) => accepted.has(of(event)));
  };
  oneOf(filter.containerIds, (event) => event.containerId);
  oneOf(filter.containerNames, (event) => event.containerName);
  oneOf(filter.namespaces, (event) => event.namespace);
  oneOf(filter.classes, (event) => event.class);
  oneOf(filter.actions, (event) => event.action);
  oneOf(filter.results, (event) => event.result);
  addPolicies(checks, filter.policies ?? []);
  const minimum = filter.minimumSeverity ?? 0;
  if (minimum > 0) checks.push((event) => event.severity >= minimum);
  const labels = Object.entries(filter.labels ?? {});
  if (labels.length > 0) checks.push((event) => labels.every(([key, value]) => event.labels[key] === value));
  return (event) => {
    for (const check of checks) if (!check(event)) return false;
    return true;
  };
}

function addPolicies(checks: EventPredicate[], policies: readonly string[]): void {
  if (policies.length === 0) return;
  const names = new Set<string>();
  const namesIn = new Map<string, Set<string>>();
  for (const policy of policies) {
    const slash = policy.indexOf('/');
    if (slash < 0) {
      names.add(policy);
    } else {
      const namespace = policy.slice(0, slash);
      const inNamespace = namesIn.get(namespace) ?? new Set();
      namesIn.set(namespace, inNamespace.add(policy.slice(slash + 1)));
    }
  }
  checks.push((event) => names.has(event.policy) || namesIn.get(event.policyNamespace)?.has(event.policy) === true);
}
