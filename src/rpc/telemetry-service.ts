import { createHash } from 'node:crypto';
import type { VisibilityRegistry } from '../control/visibility-registry.js';
import { TelemetryServiceService } from '../generated/hauberk/v1/telemetry.js';
import { visibilityKey } from '../policy/visibility.js';
import { OPERATOR_WRITE, READ, type RulesOf } from './access/method-rule.js';
import { RpcService } from './handler.js';
import { pageByPlace } from './pages.js';
import { toClasses, toVisibility, toVisibilityMessage } from './visibility-message.js';

export const TELEMETRY_RULES: RulesOf<typeof TelemetryServiceService> = {
  '/hauberk.v1.TelemetryService/SetVisibility': OPERATOR_WRITE,
  '/hauberk.v1.TelemetryService/GetVisibility': READ,
};

/** hauberk.v1.TelemetryService. */
export function telemetryServiceOf(visibility: VisibilityRegistry): RpcService {
  return RpcService.of(
    TelemetryServiceService,
    {
      async setVisibility(request) {
        const { namespace, matchLabels } = request;
        const classes = toVisibility(request);
        const { revision } = await visibility.set({ namespace, matchLabels }, request.reset ? undefined : classes);
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
          toVisibilityMessage,
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
