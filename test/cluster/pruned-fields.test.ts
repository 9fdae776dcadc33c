import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ApiServer } from '../support/api-server.js';
import { ClusterNode, clusterPolicy } from '../support/cluster-node.js';
import { eventually } from '../support/eventually.js';
import { NODE } from '../support/kubelet.js';

const POLICIES = '/apis/security.kubearmor.com/v1/namespaces/shop/kubearmorpolicies';
const APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** A definition that drops what it does not name, as KubeArmor's own does. */
function pruning(definitions: string): string {
  const preserved = '              x-kubernetes-preserve-unknown-fields: true\n';
  const named = `              properties:
                selector: {type: object, x-kubernetes-preserve-unknown-fields: true}
                file: {type: object, x-kubernetes-preserve-unknown-fields: true}
                action: {type: string}
`;
  return definitions.replaceAll(preserved, named);
}

test("under a definition that drops fields the status of KubeArmor's kinds names those that were applied", async () => {
  const server = await ApiServer.start();
  let node: ClusterNode | undefined;
  try {
    await server.prepareFor('shop');
    await server.apply(pruning(readFileSync('packaging/kubernetes/kubearmor-crds.yaml', 'utf8')));
    const { spec } = clusterPolicy('', { action: 'Block', priority: 7 }) as { spec: object };
    const head = { apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorPolicy' };
    const annotations = { [APPLIED]: JSON.stringify({ ...head, metadata: { name: 'first' }, spec }) };
    await server.create(POLICIES, { ...head, metadata: { name: 'first', annotations }, spec });
    node = await ClusterNode.start(server, NODE);
    await eventually(async () => {
      const { status } = (await server.admin.get(`${POLICIES}/first`)) as { status?: { status?: string } };
      return /^ReachesNothing: .*; warnings: .*priority/u.test(status?.status ?? '');
    }, 'the warning in the status');
  } finally {
    await node?.stop();
    await server.stop();
  }
});
