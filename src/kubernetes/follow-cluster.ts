import { hostname } from 'node:os';
import type { Backoff } from '../backoff.js';
import type { Config } from '../config/config.js';
import type { HostState } from '../control/host-state.js';
import type { PolicyRegistry } from '../control/policy-registry.js';
import type { SourceStatus } from '../control/protection.js';
import type { SourceLogger } from '../sources/source.js';
import type { ApiServer } from './access.js';
import type { KubernetesOptions } from './kubernetes.js';
import type { LeaseTimes } from './lease.js';
import type { Pods } from './pods.js';

type ClusterConfig = Pick<Config, 'kubernetes' | 'kubeconfig' | 'nodeName'>;

export interface ClusterParts {
  readonly policies: PolicyRegistry;
  readonly visibility?: NonNullable<KubernetesOptions['visibility']>;
  readonly pods: Pods;
  readonly host: HostState;
  readonly logger: SourceLogger;
  /** Called when pods have other labels. */
  readonly onPods: () => void;
  readonly onOverride?: NonNullable<KubernetesOptions['onOverride']>;
  readonly backoff?: Backoff;
  readonly leaseTimes?: LeaseTimes;
}

/** A cluster that is followed from its start until it is stopped. */
export interface FollowedCluster {
  start(): void;
  stop(): Promise<void>;
  status(): SourceStatus;
  /** What an operator should know and fix. */
  warnings(): string[];
}

/** How the cluster is reached, and the name of this node. */
export interface ClusterAccess {
  readonly server: ApiServer;
  /** As Kubernetes names it. */
  readonly node: string;
}

const STOP_MILLISECONDS = 2000;
const UNUSABLE =
  'the credentials or the certificate authority for the API server were replaced by something that cannot be used';

/**
 * How the cluster that flags ask to follow is reached; undefined if none do, so that nothing of it is loaded. No
 * request is made yet: an unreachable API server is waited for.
 *
 * @throws Failure failed-precondition with what is missing or cannot be used
 */
export async function accessToCluster(config: ClusterConfig): Promise<ClusterAccess | undefined> {
  const { kubernetes, kubeconfig, nodeName = process.env.NODE_NAME || hostname().toLowerCase() } = config;
  if (!kubernetes && kubeconfig === undefined) return undefined;
  const { byKubeconfig, checkAccess, inCluster } = await import('./access.js');
  const server = kubeconfig === undefined ? inCluster() : byKubeconfig(kubeconfig);
  checkAccess(server);
  return { server, node: nodeName };
}

/**
 * Not the namespace of the settings, which no node may write: with a node's token one could set the postures of all
 * namespaces.
 */
function namespaceOfReports(namespace: string): string {
  return `${namespace}-nodes`;
}

/** Makes ready to follow a cluster. */
export async function followCluster({ server, node }: ClusterAccess, parts: ClusterParts): Promise<FollowedCluster> {
  const { ApiClient } = await import('./api-client.js');
  const { Kubernetes } = await import('./kubernetes.js');
  const { StatusWriter } = await import('./status-writer.js');
  let unusable: string | undefined;
  const client = new ApiClient(server, (problem) => {
    unusable = problem;
    if (problem !== undefined) parts.logger.warn({ reason: problem }, UNUSABLE);
    parts.host.announce();
  });
  const { host, policies, ...others } = parts;
  const onStatus = () => host.announce();
  const onVerdicts = () => writer.changed();
  const kubernetes = new Kubernetes({ ...others, policies, client, node, onStatus, onVerdicts });
  const writer = new StatusWriter({
    client,
    namespace: namespaceOfReports(server.namespace),
    node,
    policies,
    ...(parts.backoff && { backoff: parts.backoff }),
    ...(parts.leaseTimes && { times: parts.leaseTimes }),
    verdicts: () => kubernetes.verdicts,
    host: () => host.status(),
    unknownSettings: () => kubernetes.unknownSettings,
    isOverridden: (id) => parts.pods.known(id)?.policyOverride !== undefined,
    logger: parts.logger,
  });
  let stopListening: () => void;
  return {
    start() {
      stopListening = host.onStatusChange(() => writer.changed());
      kubernetes.start();
      writer.start();
    },
    async stop() {
      stopListening?.();
      // A server that does not answer must not delay stopping.
      const timer = setTimeout(() => client.close(), STOP_MILLISECONDS);
      await Promise.all([writer.stop(), kubernetes.stop()]);
      clearTimeout(timer);
      client.close();
    },
    status: () => kubernetes.status(),
    warnings: () => {
      const { problem } = writer;
      const untold =
        problem === undefined ? [] : [`the status of policies cannot be written to Kubernetes: ${problem}`];
      const renewed = unusable === undefined ? [] : [`${UNUSABLE}: ${unusable}`];
      return [...kubernetes.warnings(), ...renewed, ...untold];
    },
  };
}
