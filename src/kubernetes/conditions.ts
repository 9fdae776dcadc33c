import { counted } from '../counted.js';
import { SILENT_MILLISECONDS } from './reports-of-nodes.js';

/** As every condition in Kubernetes is. */
export interface Condition {
  readonly type: 'Accepted' | 'Enforced';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
}

/** Stands between a text and the warnings after it. */
const WARNINGS = '; warnings: ';

export type NewCondition = Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>;

/** The state of a policy on one node, or on all of them. */
export interface PolicyReport {
  readonly refusal?: { readonly reason: string; readonly message: string } | undefined;
  readonly warnings: readonly string[];
  /** Whether some form of the policy is in force: one that is refused may have been accepted in an earlier one. */
  readonly isHeld: boolean;
  readonly containers: number;
  /** Containers that it reaches and where it is left out, as their policies do not compile together. */
  readonly leftOut: number;
  /** Containers that it reaches whose pods override their policies by an annotation. */
  readonly overridden: number;
  /** Nodes that enforce it. */
  readonly nodes: number;
  /** Why the kernel of some node does not hold what it should. */
  readonly problem?: string | undefined;
  /** Nodes that have not reported for long; they are not counted in the others. */
  readonly silent?: number;
  /** One of these. */
  readonly firstSilent?: string | undefined;
}

/** Longer ones are refused by Kubernetes. */
const MESSAGE_CHARACTERS_MAX = 32_768;

export function conditionsOf(report: PolicyReport): NewCondition[] {
  const { refusal, warnings } = report;
  const accepted: NewCondition =
    refusal === undefined
      ? { type: 'Accepted', status: 'True', reason: 'Accepted', message: short(warnings.join('\n')) }
      : { type: 'Accepted', status: 'False', reason: refusal.reason, message: short(refusal.message) };
  return [accepted, enforcedOf(report)];
}

function enforcedOf(report: PolicyReport): NewCondition {
  const { refusal, isHeld, containers, leftOut, overridden, nodes, problem, silent = 0, firstSilent = '' } = report;
  const reported = (status: Condition['status'], reason: string, message: string): NewCondition => ({
    type: 'Enforced',
    status,
    reason,
    message: short(message),
  });
  const not = overridden === 0 ? '' : `, but for ${overridden} by the annotation kubearmor-policy of their pods`;
  const where = `${counted(containers, 'container')} on ${counted(nodes, 'node')}${not}`;
  if (!isHeld) return reported('False', 'NotAccepted', 'the policy is not accepted');
  if (problem !== undefined) return reported('False', 'NotEnforcing', problem);
  if (leftOut > 0) {
    return reported('False', 'LeftOut', `left out in ${leftOut} of ${where}: its policies do not compile together`);
  }
  if (silent > 0) {
    const others = silent === 1 ? '' : ` and ${silent - 1} more`;
    const since = `for ${SILENT_MILLISECONDS / 60_000} minutes`;
    return reported('Unknown', 'NodeSilent', `nothing was heard of node ${firstSilent}${others} ${since}; in ${where}`);
  }
  if (overridden > 0 && overridden === containers) return reported('False', 'Overridden', `in ${where}`);
  if (refusal !== undefined) return reported('True', 'EarlierForm', `the form accepted last is in force, in ${where}`);
  return reported('True', containers === 0 ? 'ReachesNothing' : 'Enforced', `in ${where}`);
}

/** The whole list, keeping the times of unchanged conditions; undefined if nothing has changed. */
export function merged(
  before: readonly Condition[],
  wanted: readonly NewCondition[],
  generation: number | undefined,
  now: Date,
): Condition[] | undefined {
  let isChanged = false;
  const next = wanted.map((condition): Condition => {
    const known = before.find(({ type }) => type === condition.type);
    const isSame =
      known?.status === condition.status &&
      known.reason === condition.reason &&
      known.message === condition.message &&
      known.observedGeneration === generation;
    if (isSame) return known;
    isChanged = true;
    const lastTransitionTime =
      known?.status === condition.status ? known.lastTransitionTime : now.toISOString().replace(/\.\d+Z$/u, 'Z');
    return { ...condition, ...(generation !== undefined && { observedGeneration: generation }), lastTransitionTime };
  });
  return isChanged ? next : undefined;
}

/** Whether at most the numbers of containers and nodes have changed, which need not be reported at once. */
export function isSameButCounts(
  before: readonly Condition[],
  wanted: readonly NewCondition[],
  generation: number | undefined,
): boolean {
  return wanted.every(({ type, status, reason, message }) => {
    const known = before.find((condition) => condition.type === type);
    const isSame = known?.status === status && known.reason === reason && known.observedGeneration === generation;
    return isSame && (type === 'Enforced' || known.message === message);
  });
}

/** Whether two such texts say the same but for numbers. */
export function isSameSentenceButCounts(before: string, wanted: string): boolean {
  const parts = (sentence: string) => [sentence.split(':')[0], sentence.split(WARNINGS)[1]].join('\n');
  return parts(before) === parts(wanted);
}

/** A text, which is all that KubeArmor's kinds have room for. */
export function sentenceOf(conditions: readonly NewCondition[]): string {
  const [accepted, enforced] = conditions;
  if (accepted?.status !== 'True') return `${accepted?.reason}: ${accepted?.message}`;
  const warnings = accepted.message === '' ? '' : `${WARNINGS}${accepted.message}`;
  return short(`${enforced?.reason}: ${enforced?.message}${warnings}`);
}

function short(text: string): string {
  return text.length <= MESSAGE_CHARACTERS_MAX ? text : `${text.slice(0, MESSAGE_CHARACTERS_MAX - 1)}…`;
}
