import type { PolicyChange } from '../../control/policy-plan.js';
import type { PolicyRegistry } from '../../control/policy-registry.js';
import { counted } from '../../counted.js';
import { Failure, type FailureCode } from '../../failure.js';
import { PolicyServiceService, PolicyStatus, type response } from '../../generated/kubearmor/policy.js';
import { type PolicyName, policyKey } from '../../policy/model.js';
import { currentCaller } from '../caller.js';
import { HAND_OVER_BYTES } from '../decode.js';
import { type RpcLogger, RpcService } from '../handler.js';
import type { ReadEvent, RequestReader } from '../reading/request-reader.js';
import type { MessageFeed } from './message-feed.js';
import { type AcceptedKinds, nameIn, readPolicyEvent } from './policy-event.js';

const CONTAINER_KINDS: AcceptedKinds = ['KubeArmorPolicy', 'KubeArmorClusterPolicy'];
const HOST_KINDS: AcceptedKinds = ['KubeArmorHostPolicy'];
/** Failures caused by the request; all others are the daemon's fault. */
const REFUSALS: ReadonlySet<FailureCode> = new Set(['invalid-argument', 'failed-precondition', 'resource-exhausted']);

/** The names are for the audit log, which looks for them in requests and answers. */
type NamedResponse = response & Partial<PolicyName>;

/**
 * policy.PolicyService, by which KubeArmor's clients add and delete policies. Its answers have no room for a reason, and
 * its clients show none of a gRPC status: reasons and warnings go to WatchMessages and the log.
 */
export function policyServiceOf(
  policies: PolicyRegistry,
  reader: RequestReader,
  messages: MessageFeed,
  logger: RpcLogger,
): RpcService {
  const refuse = (status: PolicyStatus, named: Partial<PolicyName>, failure: Failure): NamedResponse => {
    const text = `${describe(named)} refused: ${failure.message}`;
    messages.publish(status === PolicyStatus.Failure ? 'ERROR' : 'WARN', text);
    const { identity } = currentCaller();
    logger.warn({ identity, ...named, status: PolicyStatus[status], reason: failure.message }, 'a policy was refused');
    return { status, ...named };
  };

  const read = async (bytes: Uint8Array, kinds: AcceptedKinds): Promise<ReadEvent> => {
    if (bytes.length > HAND_OVER_BYTES) {
      const event = await reader.readEvent(Uint8Array.from(bytes), kinds, currentCaller());
      return { ...event, input: () => policies.withCoverage(event.input()) };
    }
    const event = readPolicyEvent(bytes, kinds);
    return { type: event.type, named: nameIn(event), input: () => policies.readDocument(event.document) };
  };

  const carryOut = async (bytes: Uint8Array, kinds: AcceptedKinds): Promise<NamedResponse> => {
    let named: Partial<PolicyName> = {};
    try {
      const event = await read(bytes, kinds);
      named = event.named;
      if (event.type === 'DELETED') return await deleted(event.named);
      const { result } = await policies.apply([event.input()]);
      return applied(result[0]!);
    } catch (thrown) {
      const failure = Failure.from(thrown);
      if (failure.code === 'internal') throw thrown;
      if (failure.code === 'not-found') return refuse(PolicyStatus.NotExist, named, failure);
      return refuse(REFUSALS.has(failure.code) ? PolicyStatus.Invalid : PolicyStatus.Failure, named, failure);
    }
  };

  const applied = ({ policy, kind, containerIds, warnings, conflicts }: PolicyChange): NamedResponse => {
    const isNew = kind === 'created';
    const reach = `reaches ${counted(containerIds.length, 'container')}`;
    messages.publish('INFO', `${describe(policy)} ${isNew ? 'applied' : 'modified'}, ${reach}`);
    for (const warning of [...warnings, ...conflicts]) messages.publish('WARN', `${describe(policy)}: ${warning}`);
    const { namespace, name, scope = 'namespace' } = policy;
    return { status: isNew ? PolicyStatus.Applied : PolicyStatus.Modified, namespace, name, scope };
  };

  const deleted = async (named: PolicyName): Promise<NamedResponse> => {
    await policies.delete(named, 0);
    messages.publish('INFO', `${describe(named)} deleted`);
    return { status: PolicyStatus.Deleted, ...named };
  };

  return RpcService.of(PolicyServiceService, {
    containerPolicy: ({ policy }) => carryOut(policy, CONTAINER_KINDS),

    hostPolicy: ({ policy }) => carryOut(policy, HOST_KINDS),

    networkPolicy: () =>
      refuse(
        PolicyStatus.NotEnabled,
        {},
        new Failure(
          'failed-precondition',
          'KubeArmorNetworkPolicies are not supported; rules for sockets belong in the other kinds',
        ),
      ),
  });
}

function describe(named: Partial<PolicyName>): string {
  return named.name === undefined ? 'a policy' : `policy ${policyKey(named as PolicyName)}`;
}
