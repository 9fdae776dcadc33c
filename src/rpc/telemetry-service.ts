import { createHash } from 'node:crypto';
import type { VisibilityRegistry } from '../control/visibility-registry.js';
import {
  type SetVisibilityRequest,
  TelemetryServiceService,
  type Visibility as VisibilityMessage,
} from '../generated/hauberk/v1/telemetry.js';
import { POSTURE_CLASSES, type PostureClass } from '../policy/model.js';
import { checkSelectorLabel } from '../policy/selector-labels.js';
import { VALUE_CHECKS } from '../policy/value-checks.js';
import { inOrder, type Visibility, type VisibilitySetting, visibilityKey } from '../policy/visibility.js';
import { RpcService } from './handler.js';
import { CLASS_NAMES, CLASSES, POLICY_ORIGINS, POSTURE_CLASS_CHOICE } from './names.js';
import { pageByPlace } from './pages.js';
import { RequestChecks } from './request-checks.js';

/** As many as a selector of a policy needs, and more. */
const LABELS_MAX = 64;

/** hauberk.v1.TelemetryService. */
export function telemetryServiceOf(visibility: VisibilityRegistry): RpcService {
  return RpcService.of(
    TelemetryServiceService,
    {
      async setVisibility(request) {
        const { namespace, matchLabels } = request;
        const { revision } = await visibility.set({ namespace, matchLabels }, toVisibility(request));
        return { revision: BigInt(revision) };
      },

      getVisibility({ containerId, ...page }) {
        const effective = containerId === '' ? [] : visibility.of(containerId);
        const settings = visibility.list();
        const version = settings.map((each) => `${visibilityKey(each)} ${each.classes}`).join('\n');
        const { messages, nextPageToken } = pageByPlace(
          settings,
          createHash('sha256').update(version).digest('base64url'),
          page,
          toMessage,
        );
        return {
          defaults: toClasses(visibility.defaults),
          settings: messages,
          effective: toClasses(effective),
          nextPageToken,
        };
      },
    },
    { refused: ['setVisibility'] },
  );
}

/** @throws Failure invalid-argument naming the fields of SetVisibilityRequest */
function toVisibility({ namespace, matchLabels, classes, reset }: SetVisibilityRequest): Visibility | undefined {
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
  return reset ? undefined : inOrder(named);
}

function toMessage({ namespace, matchLabels, classes, origin }: VisibilitySetting): VisibilityMessage {
  return {
    namespace,
    matchLabels: { ...matchLabels },
    classes: toClasses(classes),
    origin: POLICY_ORIGINS[origin],
  };
}

function toClasses(classes: Visibility) {
  return classes.map((each) => CLASSES[each]);
}
