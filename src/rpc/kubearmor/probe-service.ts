import type { ControlPlane } from '../../control/control-plane.js';
import { HOST_ID } from '../../control/host.js';
import { Failure } from '../../failure.js';
import {
  type ContainerData,
  type HostSecurityPolicies,
  type policy as PolicyData,
  type ProbeResponse,
  ProbeServiceService,
} from '../../generated/kubearmor/policy.js';
import type { Policy } from '../../policy/model.js';
import { policyKey } from '../../policy/model.js';
import { inTimeSlices } from '../../time-slices.js';
import { RpcService } from '../handler.js';

/** Clients take four mebibytes, unless told otherwise. */
const ANSWER_BYTES_MAX = 3 * 1024 * 1024;

type Known = Pick<ControlPlane, 'policies' | 'containers' | 'unprotected' | 'host'>;

/** policy.ProbeService: which policies reach whom, as `karmor probe` asks. */
export function probeServiceOf(plane: Known): RpcService {
  return RpcService.of(ProbeServiceService, { getProbeData: () => probeData(plane) });
}

async function probeData({ policies, containers, unprotected, host }: Known): Promise<ProbeResponse> {
  const byKey = new Map(policies.list().map((policy) => [policyKey(policy), policy]));
  const { enforcing } = host.status();
  // Each is written once, however many containers it reaches.
  const written = new Map<Policy, Buffer>();
  let bytes = 0;
  const listed = async (reaching: readonly Policy[]): Promise<HostSecurityPolicies> => {
    const policyDataList: PolicyData[] = [];
    for await (const policy of inTimeSlices(reaching)) {
      const data = written.get(policy) ?? Buffer.from(JSON.stringify(await policies.documentInTimeSlices(policy)));
      written.set(policy, data);
      bytes += data.length;
      if (bytes > ANSWER_BYTES_MAX) throw tooMuch();
      policyDataList.push({ policy: data });
    }
    return { policyList: reaching.map(({ name }) => name), policyDataList };
  };
  const containerMap: Record<string, ContainerData> = {};
  for await (const container of inTimeSlices(containers.list())) {
    const reaching = containers.policyKeysOf(container).flatMap((key) => byKey.get(key) ?? []);
    if (reaching.length === 0) continue;
    const isInForce = enforcing && containers.leftOutOf(container.id).length === 0;
    containerMap[container.name] = merged(containerMap[container.name], {
      ...(await listed(reaching)),
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
    hostMap: self === undefined || ofHost.length === 0 ? {} : { [self.name]: await listed(ofHost) },
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

function tooMuch(): Failure {
  const message = `the policies of all containers come to more than the ${ANSWER_BYTES_MAX} bytes that one answer may have`;
  return new Failure('resource-exhausted', `${message}; hauberk get containers lists them`);
}
