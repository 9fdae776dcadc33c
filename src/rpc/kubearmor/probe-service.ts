import { parse } from 'yaml';
import type { ControlPlane } from '../../control/control-plane.js';
import { HOST_ID } from '../../control/host.js';
import {
  type ContainerData,
  type HostSecurityPolicies,
  type ProbeResponse,
  ProbeServiceService,
} from '../../generated/kubearmor/policy.js';
import type { Policy } from '../../policy/model.js';
import { policyKey } from '../../policy/model.js';
import { RpcService } from '../handler.js';

type Known = Pick<ControlPlane, 'policies' | 'containers' | 'unprotected' | 'host'>;

/** policy.ProbeService: which policies reach whom, as `karmor probe` asks. */
export function probeServiceOf(plane: Known): RpcService {
  return RpcService.of(ProbeServiceService, { getProbeData: () => probeData(plane) });
}

function probeData({ policies, containers, unprotected, host }: Known): ProbeResponse {
  const byKey = new Map(policies.list().map((policy) => [policyKey(policy), policy]));
  const { enforcing } = host.status();
  const containerMap: Record<string, ContainerData> = {};
  for (const container of containers.list()) {
    const reaching = containers.policyKeysOf(container).flatMap((key) => byKey.get(key) ?? []);
    if (reaching.length === 0) continue;
    const isInForce = enforcing && containers.leftOutOf(container.id).length === 0;
    containerMap[container.name] = merged(containerMap[container.name], {
      ...listed(reaching, policies.manifestOf),
      policyEnabled: isInForce ? 1 : 0,
    });
  }
  for (const { description } of unprotected.list()) {
    const known = containerMap[description.name];
    if (known !== undefined) known.policyEnabled = 0;
  }
  const self = containers.get(HOST_ID);
  const ofHost = self === undefined ? [] : containers.policyKeysOf(self).flatMap((key) => byKey.get(key) ?? []);
  const names = [...containers.list(), ...unprotected.list().map(({ description }) => description)].map(
    ({ name }) => name,
  );
  return {
    containerList: [...new Set(names)],
    containerMap,
    hostMap: self === undefined || ofHost.length === 0 ? {} : { [self.name]: listed(ofHost, policies.manifestOf) },
    networkMap: {},
  };
}

/** Containers of one name, such as those of a Deployment's pods, have one entry: in force where it is in all of them. */
function merged(known: ContainerData | undefined, next: ContainerData): ContainerData {
  if (known === undefined) return next;
  const isNew = (name: string) => !known.policyList.includes(name);
  return {
    policyList: [...known.policyList, ...next.policyList.filter(isNew)],
    policyDataList: [
      ...known.policyDataList,
      ...next.policyDataList.filter((_, index) => isNew(next.policyList[index]!)),
    ],
    policyEnabled: Math.min(known.policyEnabled, next.policyEnabled),
  };
}

function listed(reaching: readonly Policy[], manifestOf: (policy: Policy) => string): HostSecurityPolicies {
  return {
    policyList: reaching.map(({ name }) => name),
    policyDataList: reaching.map((policy) => ({ policy: Buffer.from(JSON.stringify(parse(manifestOf(policy)))) })),
  };
}
