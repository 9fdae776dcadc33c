import type { Logger } from 'pino';
import type { Config } from './config/config.js';
import type { ContainerRegistry } from './control/container-registry.js';
import { ContainerTracker } from './control/container-tracker.js';
import type { HostFacts } from './control/host.js';
import { IntakeCounts } from './control/intake-counts.js';
import { UnprotectedContainers } from './control/protection.js';
import type { Enforcer } from './kernel/enforcer.js';
import { Pods } from './kubernetes/pods.js';
import type { Notifier } from './notifier.js';
import { Sources } from './sources/sources.js';

export interface ContainerSourcesParts {
  readonly config: Config;
  readonly followsCluster: boolean;
  readonly host: HostFacts;
  readonly kernel: Pick<Enforcer, 'layers'>;
  readonly registry: ContainerRegistry;
  readonly notifier: Notifier;
  readonly logger: Logger;
}

/** Makes what learns about containers, and what of them could not be protected. Nothing is followed yet. */
export function openContainerSources(parts: ContainerSourcesParts) {
  const { config, followsCluster, host: found, kernel, registry, notifier, logger } = parts;
  const onStatus = () => void notifier.emit('status');
  const unprotected = new UnprotectedContainers(onStatus);
  const tracker = new ContainerTracker(registry, logger, found.namespaces.mountNamespace, (path, process) =>
    kernel.layers.examine(path, process),
  );
  const intake = new IntakeCounts();
  const pods = new Pods((id) => registry.get(id), config.podOverrides);
  const sources = new Sources({
    config,
    // If no cluster is followed any more, what was known about its pods must not be kept forever.
    ...(followsCluster && { refine: (description) => pods.describe(description) }),
    tracker,
    registry,
    unprotected,
    counts: intake,
    logger,
    hostRoot: found.root,
    socketRoots: [...new Set(['', found.root])],
    onStatus,
  });
  return { unprotected, tracker, intake, pods, sources };
}
