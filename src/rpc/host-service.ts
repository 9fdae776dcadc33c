import type { HostState } from '../control/host-state.js';
import { Failure } from '../failure.js';
import { HostServiceService } from '../generated/hauberk/v1/host.js';
import { READ, type RulesOf } from './access/method-rule.js';
import { toStatusMessage } from './convert.js';
import { RpcService } from './handler.js';

export const HOST_RULES: RulesOf<typeof HostServiceService> = {
  '/hauberk.v1.HostService/GetStatus': READ,
  '/hauberk.v1.HostService/WaitForRevision': READ,
};

/** hauberk.v1.HostService. */
export function hostServiceOf(host: Pick<HostState, 'status' | 'whenEnforced'>): RpcService {
  return RpcService.of(HostServiceService, {
    getStatus: () => toStatusMessage(host.status()),

    async waitForRevision({ revision }, call) {
      const givenUp = new AbortController();
      call.once('cancelled', () => givenUp.abort());
      const enforced = await host.whenEnforced(Number(revision), givenUp.signal);
      if (enforced === undefined) throw new Failure('unavailable', `revision ${revision} is not enforced yet`);
      return { enforcedRevision: BigInt(enforced) };
    },
  });
}
