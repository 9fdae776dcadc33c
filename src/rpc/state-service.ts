import { createHash } from 'node:crypto';
import type { DesiredState } from '../control/desired-state.js';
import { saidByClients } from '../control/namespace-postures.js';
import type { PolicyRegistry } from '../control/policy-registry.js';
import type { NamespacePosture } from '../generated/hauberk/v1/policy.js';
import { StateServiceService } from '../generated/hauberk/v1/state.js';
import { originOf, policyKey } from '../policy/model.js';
import { inTurns } from '../turns.js';
import { currentCaller } from './caller.js';
import { toChangeMessages } from './change-output.js';
import { toPostureMessages } from './convert.js';
import { type Handlers, RpcService } from './handler.js';
import { pageInTurns } from './pages.js';
import { RequestReader } from './reading/request-reader.js';
import { readState, type WantedState } from './reading/state-of.js';

/** hauberk.v1.StateService. */
export function stateServiceOf(policies: PolicyRegistry, reader: RequestReader = new RequestReader()): RpcService {
  const restore = async ({ inputs, postures }: WantedState, force: boolean) => {
    const { result, revision } = await policies.restore(inputs, new Map(postures), force);
    return { ...(await toChangeMessages(result)), revision: BigInt(revision) };
  };
  const handlers: Handlers<typeof StateServiceService> = {
    async backup(page) {
      // Of one state, though others have their turn meanwhile.
      const { revision, desired } = policies.ledger;
      // What a page holds is made for that page alone.
      const parts: (() => Promise<string | NamespacePosture>)[] = [
        ...desired.policies
          .list()
          .filter((policy) => originOf(policy) === 'rpc')
          .map((policy) => () => policies.manifestInTurns(policy)),
        ...Array.from(saidByClients(desired.postures), ([namespace, postures]) => async () => ({
          namespace,
          postures: toPostureMessages(postures),
        })),
      ];
      const { messages, nextPageToken } = await pageInTurns(parts, await versionOf(desired), page);
      return {
        manifests: messages.filter((part) => typeof part === 'string'),
        postures: messages.filter((part) => typeof part !== 'string'),
        revision: BigInt(revision),
        nextPageToken,
      };
    },

    restore: async ({ manifests, postures, force }) => {
      // What has expired since the backup was made is no reason to refuse the rest.
      const wanted = readState({ manifests, postures }, (text) => policies.readManifest(text, 0));
      return restore(wanted, force);
    },
  };
  return RpcService.of(StateServiceService, handlers, {
    encoded: {
      async restore(bytes) {
        const { inputs, rest } = await reader.read('restore', bytes, currentCaller());
        return restore({ inputs: await policies.allWithCoverage(inputs), postures: rest.postures }, rest.force);
      },
    },
  });
}

/** The same only as long as policies and postures are; the revision also counts changes of containers. */
async function versionOf({ policies, versions, postures }: DesiredState): Promise<string> {
  const hash = createHash('sha256');
  for await (const policy of inTurns(policies.list())) {
    const key = policyKey(policy);
    hash.update(`${key} ${versions.get(key) ?? 0}\n`);
  }
  return hash.update(JSON.stringify([...saidByClients(postures)])).digest('base64url');
}
