import type { Posture as PostureMessage } from '../generated/hauberk/v1/policy.js';
import { POSTURE_CLASSES, type PostureClass, type Postures, type RuleClass } from '../policy/model.js';
import { VALUE_CHECKS } from '../policy/value-checks.js';
import { CLASS_NAMES, POSTURE_CLASS_CHOICE, POSTURE_NAMES } from './names.js';
import { RequestChecks } from './request-checks.js';

/** @throws Failure invalid-argument naming the fields of SetPostureRequest */
export function toPostures(
  namespace: string,
  messages: readonly PostureMessage[],
): [namespace: string, postures: Partial<Postures>] {
  const checks = new RequestChecks();
  const namespaceProblem = VALUE_CHECKS.namespace(namespace);
  checks.require(namespaceProblem === undefined, 'namespace', namespaceProblem ?? '');
  const postures: { -readonly [RuleClass in keyof Postures]?: Postures[RuleClass] } = {};
  for (const [index, message] of messages.entries()) {
    const ruleClass = CLASS_NAMES.get(message.class);
    const posture = POSTURE_NAMES.get(message.action);
    const isKnown = isPostureClass(ruleClass);
    checks.require(isKnown, `postures[${index}].class`, `must be ${POSTURE_CLASS_CHOICE}`);
    checks.require(posture !== undefined, `postures[${index}].action`, 'must be ACTION_AUDIT or ACTION_BLOCK');
    if (!isKnown || posture === undefined) continue;
    checks.require(postures[ruleClass] === undefined, `postures[${index}].class`, 'is given twice');
    postures[ruleClass] = posture;
  }
  checks.done();
  return [namespace, postures];
}

function isPostureClass(ruleClass: RuleClass | undefined): ruleClass is PostureClass {
  return (POSTURE_CLASSES as readonly unknown[]).includes(ruleClass);
}
