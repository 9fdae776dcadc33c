import type { SetVisibilityRequest, Visibility as VisibilityMessage } from '../generated/hauberk/v1/telemetry.js';
import { POSTURE_CLASSES, type PostureClass } from '../policy/model.js';
import { checkSelectorLabel } from '../policy/selector-labels.js';
import { VALUE_CHECKS } from '../policy/value-checks.js';
import { inOrder, type Visibility, type VisibilitySetting } from '../policy/visibility.js';
import { CLASS_NAMES, CLASSES, POLICY_ORIGINS, POSTURE_CLASS_CHOICE } from './names.js';
import { RequestChecks } from './request-checks.js';

/** More than a selector of a policy needs. */
const LABELS_MAX = 64;

/** The classes of a visibility setting. @throws Failure invalid-argument naming the fields */
export function toVisibility({
  namespace,
  matchLabels,
  classes,
  reset = false,
}: Pick<SetVisibilityRequest, 'namespace' | 'matchLabels' | 'classes'> & { readonly reset?: boolean }): Visibility {
  const checks = new RequestChecks();
  const namespaceProblem = VALUE_CHECKS.namespace(namespace);
  checks.require(namespaceProblem === undefined, 'namespace', namespaceProblem ?? '');
  const entries = Object.entries(matchLabels);
  checks.require(entries.length <= LABELS_MAX, 'match_labels', `must not be more than ${LABELS_MAX}`);
  checks.labels(matchLabels, 'match_labels');
  for (const [key, value] of entries) {
    const problem = checkSelectorLabel(key, value);
    checks.require(problem === undefined, `match_labels[${JSON.stringify(key)}]`, problem ?? '');
  }
  checks.require(!reset || classes.length === 0, 'classes', 'must be empty where reset is set');
  const named: PostureClass[] = [];
  for (const [index, each] of classes.entries()) {
    const name = POSTURE_CLASSES.find((known) => known === CLASS_NAMES.get(each));
    checks.require(name !== undefined, `classes[${index}]`, `must be ${POSTURE_CLASS_CHOICE}`);
    if (name === undefined) continue;
    checks.require(!named.includes(name), `classes[${index}]`, 'is given twice');
    named.push(name);
  }
  checks.done();
  return inOrder(named);
}

export function toVisibilityMessage({ namespace, matchLabels, classes, origin }: VisibilitySetting): VisibilityMessage {
  return {
    namespace,
    matchLabels: { ...matchLabels },
    classes: toClasses(classes),
    origin: POLICY_ORIGINS[origin],
  };
}

export function toClasses(classes: Visibility) {
  return classes.map((each) => CLASSES[each]);
}
