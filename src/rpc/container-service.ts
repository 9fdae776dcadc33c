import type { ContainerRegistry } from '../control/container-registry.js';
import type { ContainerRegistration, ContainerTracker } from '../control/container-tracker.js';
import type { UnprotectedContainers } from '../control/protection.js';
import { Failure } from '../failure.js';
import { ContainerServiceService } from '../generated/hauberk/v1/container.js';
import { OPERATOR_WRITE, READ, type RulesOf } from './access/method-rule.js';
import { currentCaller } from './caller.js';
import {
  toContainerChangeMessage,
  toContainerMessage,
  toEffectivePostures,
  toEffectiveRule,
  toUnprotectedMessage,
  writtenRules,
} from './convert.js';
import { RpcService } from './handler.js';
import { fitting, pageByKey, pageByPlace } from './pages.js';
import { checkSynced, readRegistrations } from './reading/containers-of.js';
import { checkRegistration, toRegistration } from './registration-message.js';
import { MUST_NOT_BE_EMPTY, RequestChecks } from './request-checks.js';

export const CONTAINER_RULES: RulesOf<typeof ContainerServiceService> = {
  '/hauberk.v1.ContainerService/RegisterContainer': OPERATOR_WRITE,
  '/hauberk.v1.ContainerService/UnregisterContainer': OPERATOR_WRITE,
  '/hauberk.v1.ContainerService/SyncContainers': OPERATOR_WRITE,
  '/hauberk.v1.ContainerService/ListContainers': READ,
  '/hauberk.v1.ContainerService/GetEffectivePolicy': READ,
};

/** hauberk.v1.ContainerService. */
export function containerServiceOf(
  registry: ContainerRegistry,
  tracker: ContainerTracker,
  unprotected: Pick<UnprotectedContainers, 'list'>,
): RpcService {
  const sync = async (registrations: readonly ContainerRegistration[]) => {
    const { result, revision } = await tracker.sync(registrations);
    const changes = fitting(result, 0, 0, toContainerChangeMessage);
    const omittedChanges = BigInt(result.length - changes.length);
    return { changes, omittedChanges, revision: BigInt(revision) };
  };
  return RpcService.of(
    ContainerServiceService,
    {
      async registerContainer(request) {
        const { process } = currentCaller();
        const checks = new RequestChecks();
        checkRegistration(request, '', checks, process);
        checks.done();
        const { description, identity } = toRegistration(request, process);
        const { result, revision } = await tracker.register(description, identity);
        return {
          container: toContainerMessage(result.container, registry),
          changed: result.kind !== 'unchanged',
          revision: BigInt(revision),
        };
      },

      async syncContainers({ containers }) {
        const { process } = currentCaller();
        const checks = new RequestChecks();
        const seen = new Set<string>();
        for (const [index, request] of containers.entries()) checkSynced(request, index, seen, checks, process);
        checks.done();
        return sync(containers.map((request) => toRegistration(request, process)));
      },

      async unregisterContainer({ id }) {
        requireId(id, 'id');
        const { revision } = await tracker.unregister(id);
        return { revision: BigInt(revision) };
      },

      listContainers({ namespace, ...page }) {
        const isInNamespace = (container: { readonly namespace: string }) =>
          namespace === '' || container.namespace === namespace;
        const protectedOnes = registry.list().filter(isInNamespace);
        // One that is registered again after a change is still under the policies it had.
        const others = unprotected
          .list()
          .filter(({ description }) => isInNamespace(description) && registry.get(description.id) === undefined);
        const listed = [
          ...protectedOnes.map((container) => ({
            key: `0${container.id}`,
            toMessage: () => toContainerMessage(container, registry),
          })),
          ...others
            .map((each) => ({ key: `1${each.description.id}`, toMessage: () => toUnprotectedMessage(each) }))
            .sort((a, b) => (a.key < b.key ? -1 : 1)),
        ];
        const { messages, nextPageToken } = pageByKey(
          listed,
          ({ key }) => key,
          page,
          ({ toMessage }) => toMessage(),
        );
        return { containers: messages, nextPageToken };
      },

      getEffectivePolicy({ containerId, ...page }) {
        requireId(containerId, 'container_id');
        const container = registry.get(containerId);
        if (container === undefined) throw new Failure('not-found', `no container ${containerId}`);
        const ruleSet = registry.ruleSetOf(container);
        const version = `${registry.imageIdOf(container)}`;
        const { messages, nextPageToken } = pageByPlace(writtenRules(ruleSet), version, page, toEffectiveRule);
        return {
          container: toContainerMessage(container, registry),
          rules: messages,
          ...toEffectivePostures(ruleSet),
          nextPageToken,
        };
      },
    },
    {
      encoded: { syncContainers: async (bytes) => sync(await readRegistrations(bytes, currentCaller().process)) },
      refused: ['registerContainer'],
    },
  );
}

function requireId(id: string, field: string): void {
  const checks = new RequestChecks();
  checks.require(id !== '', field, MUST_NOT_BE_EMPTY);
  checks.done();
}
