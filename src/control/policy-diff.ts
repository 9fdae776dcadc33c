import type { Container } from '../containers/container.js';
import { describeRule, type RuleDescription } from '../events/rule-description.js';
import type { Action } from '../policy/model.js';
import type { AccessMemory } from '../profile/access-memory.js';
import { Judge } from '../profile/judge.js';
import { mergeAccesses, type ObservedAccess } from '../profile/observed-access.js';
import { inTimeSlices } from '../time-slices.js';
import type { ChangePreview } from './change-preview.js';
import type { DesiredState } from './desired-state.js';
import type { Recordings } from './recordings.js';
import { subjectsOf } from './resolution.js';
import type { RuleSets } from './rule-sets.js';

/** An access that was seen and would be decided differently. */
export interface DecisionChange {
  readonly container: Container;
  readonly access: ObservedAccess;
  readonly before: Action;
  readonly after: Action;
  /** What decides after the change or, where nothing covers the access then, what decided before. */
  readonly rule: RuleDescription | undefined;
}

export interface PolicyDiff {
  /** First what would be refused, then by how often it was seen. */
  readonly changes: readonly DecisionChange[];
  /** How many accesses were looked at. */
  readonly judged: number;
  /** Those whose decision depends on arguments, which are not recorded. */
  readonly undecided: number;
}

/** What a change of policies would refuse and allow, judged by the accesses that were reported or learnt. */
export async function diffPolicies(
  { before, after, affected, compile }: ChangePreview,
  ruleSets: Pick<RuleSets, 'makeFor' | 'host'>,
  memory: AccessMemory,
  recordings: Pick<Recordings, 'accessesOf'>,
): Promise<PolicyDiff> {
  const containers = [before, after].flatMap((state) => [...subjectsOf(state, ruleSets.host)]).filter(affected);
  const byId = new Map(containers.map((container) => [container.id, container]));
  const ids = new Set(byId.keys());
  const remembered = memory.of(ids);
  const learnt = recordings.accessesOf(ids);
  const changes: DecisionChange[] = [];
  let judged = 0;
  let undecided = 0;
  for await (const [id, container] of inTimeSlices(byId)) {
    const accesses = mergeAccesses([...(remembered.get(id) ?? []), ...(learnt.get(id) ?? [])]);
    if (accesses.length === 0) continue;
    const judgeOf = async (state: DesiredState) => new Judge(await ruleSets.makeFor(container, state, compile));
    const [then, now] = [await judgeOf(before), await judgeOf(after)];
    for await (const access of inTimeSlices(accesses)) {
      judged++;
      const [old, next] = [then.judge(access), now.judge(access)];
      if (old.byArguments || next.byArguments) undecided++;
      else if (old.action !== next.action) {
        const decider = next.decider ?? old.decider;
        const rule = decider && describeRule(decider);
        changes.push({ container, access, before: old.action, after: next.action, rule });
      }
    }
  }
  return { changes: changes.sort(byWeight), judged, undecided };
}

function byWeight(a: DecisionChange, b: DecisionChange): number {
  const isRefused = ({ after }: DecisionChange) => Number(after === 'Block');
  return isRefused(b) - isRefused(a) || b.access.count - a.access.count;
}
