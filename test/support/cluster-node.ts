import { join } from 'node:path';
import { NOTHING_DESIRED } from '../../src/control/desired-state.js';
import { hostAsSubject } from '../../src/control/host.js';
import { inCluster } from '../../src/kubernetes/access.js';
import { type FollowedCluster, followCluster } from '../../src/kubernetes/follow-cluster.js';
import { Pods } from '../../src/kubernetes/pods.js';
import { policyKey } from '../../src/policy/model.js';
import { ContainerIntake } from '../../src/sources/container-intake.js';
import { criConnection } from '../../src/sources/cri.js';
import { FollowedSource } from '../../src/sources/followed-source.js';
import type { ApiServer } from './api-server.js';
import { InMemoryControlPlane, MemoryKernel } from './in-memory-control-plane.js';
import { RecordingLogger } from './recording-sink.js';

const HOST = hostAsSubject({ pidNamespace: 10, mountNamespace: 11 }, {}, {});

/** A daemon over an in-memory kernel, with only the rights that packaging/kubernetes gives it. */
export class ClusterNode {
  readonly plane = new InMemoryControlPlane(NOTHING_DESIRED, new MemoryKernel(), HOST);
  readonly logger = new RecordingLogger();
  readonly pods = new Pods((id) => this.plane.containers.get(id));
  readonly intake = new ContainerIntake({
    tracker: this.plane.tracker,
    registry: this.plane.containers,
    unprotected: this.plane.unprotected,
    counts: this.plane.intake,
    logger: this.logger,
    refine: (description) => this.pods.describe(description),
  });
  readonly overrides: string[] = [];
  /** Takes containers of a simulated runtime. */
  readonly sink = this.intake.sinkOf({ key: 'stand-in', name: 'stand-in', origin: 'cri' });
  tokenFile = '';
  cluster!: FollowedCluster;
  #runtime: FollowedSource | undefined;

  static async start(server: ApiServer, name: string): Promise<ClusterNode> {
    const node = new ClusterNode();
    const { directory, environment } = await server.serviceAccount('hauberk', 'hauberkd');
    node.tokenFile = join(directory, 'token');
    const { plane, pods, logger } = node;
    node.cluster = await followCluster(
      { server: inCluster(environment, directory), node: name },
      {
        policies: plane.policies,
        host: plane.host,
        pods,
        logger,
        onPods: () => node.intake.refineAgain(),
        onOverride: (_, message) => node.overrides.push(message),
        backoff: { first: 20, most: 200 },
        leaseTimes: { duration: 3000, renewal: 200, look: 200 },
      },
    );
    node.cluster.start();
    return node;
  }

  /** Follows the containers of a runtime by CRI. */
  followRuntime(address: string): void {
    const source = criConnection({ name: 'containerd', address });
    this.#runtime = new FollowedSource(source, { logger: this.logger, onStatus: () => this.plane.host.announce() });
    this.#runtime.start(this.intake.sinkOf({ key: `cri:${address}`, name: 'containerd', origin: 'cri' }));
  }

  get keys(): string[] {
    return this.plane.policies.list().map(policyKey);
  }

  /** Keys of the policies that reach a container. */
  reaching(id: string): string[] {
    const container = this.plane.containers.get(id);
    return container === undefined ? [] : this.plane.containers.policyKeysOf(container);
  }

  async stop(): Promise<void> {
    this.#runtime?.stop();
    await this.cluster.stop();
    this.intake.stop();
    this.plane.tracker.stop();
  }
}

/** A policy of the namespace that it is created in, for containers with the label app=web. */
export function clusterPolicy(name: string, change: object = {}): object {
  const spec = {
    selector: { matchLabels: { app: 'web' } },
    file: { matchPaths: [{ path: '/etc/shadow' }] },
    ...change,
  };
  return { apiVersion: 'hauberk.io/v1alpha1', kind: 'SecurityPolicy', metadata: { name }, spec };
}
