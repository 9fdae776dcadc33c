import { POSTURE_CLASSES, POSTURE_OF, type PostureClass } from '../policy/model.js';
import { inTimeSlices } from '../time-slices.js';
import type { DesiredState } from './desired-state.js';
import type { PolicyChange } from './policy-plan.js';
import { type PolicySettings, posturesFor } from './resolution.js';
import type { RuleSets } from './rule-sets.js';

/** For at most this many namespaces the command is printed. */
const NAMESPACES_NAMED = 5;

/**
 * Adds to policies with Allow rules where the posture is audit that they refuse nothing there, and how to change it: the
 * authors of allow-lists mean that all else is refused.
 */
export async function withPostureWarnings(
  changes: readonly PolicyChange[],
  desired: Pick<DesiredState, 'containers' | 'postures'>,
  ruleSets: Pick<RuleSets, 'host' | 'settings'>,
): Promise<PolicyChange[]> {
  const warned: PolicyChange[] = [];
  for await (const change of inTimeSlices(changes)) {
    warned.push({ ...change, warnings: [...change.warnings, ...warningsOf(change, desired, ruleSets)] });
  }
  return warned;
}

function warningsOf(
  change: PolicyChange,
  desired: Pick<DesiredState, 'containers' | 'postures'>,
  ruleSets: Pick<RuleSets, 'host' | 'settings'>,
): string[] {
  const { kind, policy } = change;
  if (kind === 'deleted' || policy.mode === 'audit') return [];
  const classes = allowedClasses(change, ruleSets.settings);
  const warnings: string[] = [];
  for (const namespace of namespacesOf(change, desired, ruleSets)) {
    const postures = posturesFor(namespace, desired, ruleSets.settings);
    const audited = classes.filter((each) => postures[each] === 'audit');
    if (audited.length > 0) warnings.push(warningFor(namespace, audited));
  }
  const left = warnings.length - NAMESPACES_NAMED;
  const shown = warnings.slice(0, NAMESPACES_NAMED);
  if (left > 0) shown.push(`in ${left} more namespaces its Allow rules refuse nothing, as the posture there is audit`);
  return shown;
}

/** Classes whose posture the Allow rules bring into force, by the posture that is to be set for them. */
function allowedClasses({ policy }: PolicyChange, { filePostureForProcesses }: PolicySettings): PostureClass[] {
  const found = new Set(policy.rules.filter(({ action }) => action === 'Allow').map((rule) => POSTURE_OF[rule.class]));
  if (filePostureForProcesses && found.delete('process')) found.add('file');
  return POSTURE_CLASSES.filter((each) => found.has(each));
}

/** Of the containers it reaches or, where there are none, its own; empty for the host. */
function namespacesOf(
  { policy, containerIds }: PolicyChange,
  { containers }: Pick<DesiredState, 'containers'>,
  { host }: Pick<RuleSets, 'host'>,
): string[] {
  if (policy.scope === 'host') return host === undefined ? [] : [host.namespace];
  if (policy.scope === undefined || policy.scope === 'namespace') return [policy.namespace];
  const reached = containerIds.map((id) => containers.get(id)?.namespace).filter((each) => each !== undefined);
  return [...new Set(reached)].sort();
}

function warningFor(namespace: string, classes: readonly PostureClass[]): string {
  const names = classes.join(', ');
  if (namespace === '') {
    const flags = classes.map((each) => `--default-posture-${each} block`).join(' ');
    return `its Allow rules refuse nothing else: the posture of ${names} is audit; to refuse, start hauberkd with ${flags}`;
  }
  const settings = classes.map((each) => `${each}=block`).join(' ');
  return (
    `its Allow rules refuse nothing else: the posture of ${names} in namespace ${namespace} is audit, which only reports; ` +
    `to refuse, run: hauberk posture set ${namespace} ${settings}`
  );
}
