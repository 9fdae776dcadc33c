import type { ContainerStarts } from './container-starts.js';
import { type HookConfig, isExempt } from './hook-config.js';
import type { StartAnswer } from './hook-request.js';
import { NriConnection, type NriOptions } from './nri/connection.js';
import { annotatedImage } from './nri/containers.js';
import type { OnUnknown, StartingContainer, WhenUnprotectedOf } from './nri/held-starts.js';
import type { RuntimeConnection } from './source.js';

export interface NriSourceOptions {
  /** Path of the socket. */
  readonly address: string;
  /** Identifies this source among all others. */
  readonly key: string;
  readonly starts: Pick<ContainerStarts, 'protect' | 'reportUnknown'>;
  /** What happens to containers that are not protected, if configured. */
  readonly hookConfig: () => HookConfig | undefined;
}

/** A plugin of containerd: makes the same decisions at a container's start as the hook, by the hook's configuration. */
export function nriConnection(options: NriSourceOptions): RuntimeConnection {
  return new NriConnection(nriConnectionOptions(options));
}

export function nriConnectionOptions({ address, key, starts, hookConfig }: NriSourceOptions): NriOptions {
  const whenUnprotected: WhenUnprotectedOf = (container) => {
    const config = hookConfig();
    if (config === undefined || (container !== undefined && isExempt(config, exemptible(container)))) return 'allow';
    return config.whenUnanswered;
  };
  const onStart = (container: StartingContainer, held: AbortSignal): Promise<StartAnswer> => {
    const { description, pid } = container;
    const reporter = { key, name: 'nri', origin: description.origin };
    const startsAnyway = whenUnprotected(container) === 'allow';
    return starts.protect({ reporter, container: { description, pid }, startsAnyway, held });
  };
  const onUnknown: OnUnknown = (container, reason) => {
    const startsAnyway = whenUnprotected(container) === 'allow';
    starts.reportUnknown({ source: 'nri', container: container?.description, startsAnyway, reason });
  };
  return { name: 'nri', address, onStart, onUnknown, whenUnprotected };
}

/** What exceptions name, as the hook reads it. */
function exemptible({ podNamespace, name, annotations }: StartingContainer) {
  return { namespace: podNamespace, name, image: annotatedImage(annotations) };
}
