import type { DecisionChange, PolicyDiff } from '../control/policy-diff.js';
import type { PolicyChange } from '../control/policy-plan.js';
import type { DecisionChange as DecisionMessage, DiffResponse } from '../generated/hauberk/v1/policy.js';
import { describeObject } from '../image/describe-object.js';
import { toChangeMessages } from './change-output.js';
import { ACTIONS, CLASSES, POLICY_ORIGINS } from './names.js';
import { fitting } from './pages.js';

const DECISIONS_MAX = 1000;

export async function toDiffResponse(changes: readonly PolicyChange[], diff: PolicyDiff): Promise<DiffResponse> {
  const decisions = fitting(diff.changes, 0, DECISIONS_MAX, toDecisionMessage);
  return {
    ...(await toChangeMessages(changes)),
    decisions,
    omitted: BigInt(diff.changes.length - decisions.length),
    judged: BigInt(diff.judged),
    undecided: BigInt(diff.undecided),
  };
}

function toDecisionMessage({ container, access, before, after, rule }: DecisionChange): DecisionMessage {
  return {
    containerId: container.id,
    containerName: container.name,
    namespace: container.namespace,
    class: CLASSES[access.class],
    operations: [...access.operations],
    object: describeObject(access.object),
    program: access.program,
    before: ACTIONS[before],
    after: ACTIONS[after],
    policyNamespace: rule?.policyNamespace ?? '',
    policyOrigin: rule?.policyOrigin === undefined ? 0 : POLICY_ORIGINS[rule.policyOrigin],
    policy: rule?.policy ?? '',
    rule: rule?.rule ?? '',
    wouldBlock: after !== 'Block' && rule?.wouldBlock === true,
    count: BigInt(access.count),
  };
}
