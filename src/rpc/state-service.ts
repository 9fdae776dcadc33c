import { createHash } from 'node:crypto';
import type { DesiredState } from '../control/desired-state.js';
import { setByClients } from '../control/namespace-postures.js';
import type { PolicyRegistry } from '../control/policy-registry.js';
import { visibleForClients } from '../control/visibility.js';
import type { NamespacePosture, PolicyOrigin } from '../generated/hauberk/v1/policy.js';
import { StateServiceService } from '../generated/hauberk/v1/state.js';
import type { Visibility } from '../generated/hauberk/v1/telemetry.js';
import { isOfClient, originOf, policyKey } from '../policy/model.js';
import { inTimeSlices } from '../time-slices.js';
import { ADMIN_WRITE, READ, type RulesOf } from './access/method-rule.js';
import { currentCaller } from './caller.js';
import { toChangeMessages } from './change-output.js';
import { toPostureMessages } from './convert.js';
import { type Handlers, RpcService } from './handler.js';
import { POLICY_ORIGINS } from './names.js';
import { pageInTimeSlices } from './pages.js';
import { RequestReader } from './reading/request-reader.js';
import { readState, type WantedState } from './reading/state-of.js';
import { toVisibilityMessage } from './visibility-message.js';

export const STATE_RULES: RulesOf<typeof StateServiceService> = {
  '/hauberk.v1.StateService/Restore': ADMIN_WRITE,
  '/hauberk.v1.StateService/Backup': READ,
};

/** hauberk.v1.StateService. */
export function stateServiceOf(policies: PolicyRegistry, reader: RequestReader = new RequestReader()): RpcService {
  const restore = async ({ inputs, postures, visibility }: WantedState, force: boolean) => {
    const { result, revision } = await policies.restore(inputs, new Map(postures), force, visibility);
    return { ...(await toChangeMessages(result)), revision: BigInt(revision) };
  };
  const handlers: Handlers<typeof StateServiceService> = {
    async backup(page) {
      // A snapshot of one state, though other work can run meanwhile.
      const { revision, desired } = policies.ledger;
      // What a page holds is made for that page alone.
      const parts: (() => Promise<BackedUp>)[] = [
        ...desired.policies
          .list()
          .filter(isOfClient)
          .map((policy) => async () => ({
            manifest: await policies.manifestInTimeSlices(policy),
            origin: POLICY_ORIGINS[originOf(policy)],
          })),
        ...Array.from(setByClients(desired.postures), ([namespace, postures]) => async () => ({
          namespace,
          postures: toPostureMessages(postures),
        })),
        ...visibleForClients(desired.visibility).map((setting) => async () => toVisibilityMessage(setting)),
      ];
      const { messages, nextPageToken } = await pageInTimeSlices(parts, await versionOf(desired), page);
      const backedUp = messages.filter((part) => 'manifest' in part);
      return {
        manifests: backedUp.map(({ manifest }) => manifest),
        origins: backedUp.map(({ origin }) => origin),
        postures: messages.filter((part) => 'postures' in part),
        visibility: { settings: messages.filter((part) => 'matchLabels' in part) },
        revision: BigInt(revision),
        nextPageToken,
      };
    },

    restore: async ({ force, ...state }) => {
      // What has expired since the backup was made is no reason to refuse the rest.
      const wanted = readState(state, (text) => policies.readManifest(text, 0));
      return restore(wanted, force);
    },
  };
  return RpcService.of(StateServiceService, handlers, {
    encoded: {
      async restore(bytes) {
        const { inputs, rest } = await reader.read('restore', bytes, currentCaller());
        const { postures, visibility, force } = rest;
        return restore({ inputs: await policies.allWithCoverage(inputs), postures, visibility }, force);
      },
    },
  });
}

type BackedUp = BackedUpPolicy | NamespacePosture | Visibility;

interface BackedUpPolicy {
  readonly manifest: string;
  readonly origin: PolicyOrigin;
}

/** The same only as long as policies, postures and visibility are; the revision also counts changes of containers. */
async function versionOf({ policies, versions, postures, visibility }: DesiredState): Promise<string> {
  const hash = createHash('sha256');
  for await (const policy of inTimeSlices(policies.list())) {
    const key = policyKey(policy);
    hash.update(`${key} ${versions.get(key) ?? 0}\n`);
  }
  return hash.update(JSON.stringify([[...setByClients(postures)], visibleForClients(visibility)])).digest('base64url');
}
