import type { ContainerStarts } from './container-starts.js';
import { describeCriContainer } from './cri-containers.js';
import { type HookConfig, isExempt } from './hook-config.js';
import { NriConnection, type NriOptions } from './nri/connection.js';
import type { StartingContainer, StartOutcome, WhenUnprotected } from './nri/held-starts.js';
import type { RuntimeConnection } from './source.js';

export interface NriSourceOptions {
  /** Path of the socket. */
  readonly address: string;
  /** Tells this source from all others. */
  readonly key: string;
  readonly starts: Pick<ContainerStarts, 'protect'>;
  /** What is to become of containers that are not protected, if anybody has said so. */
  readonly hookConfig: () => HookConfig | undefined;
}

/** containerd's plugin: the same decisions at a container's start as the hook's, by the hook's configuration. */
export function nriConnection(options: NriSourceOptions): RuntimeConnection {
  return new NriConnection(nriConnectionOptions(options));
}

export function nriConnectionOptions({ address, key, starts, hookConfig }: NriSourceOptions): NriOptions {
  const whenUnprotected = (): WhenUnprotected => hookConfig()?.whenUnanswered ?? 'allow';
  const describe = ({ id, name, podName, podUid, podNamespace, labels }: StartingContainer) =>
    describeCriContainer(id, name, { name: podName, uid: podUid, namespace: podNamespace, labels });
  const onStart = async (starting: StartingContainer): Promise<StartOutcome> => {
    const description = describe(starting);
    const config = hookConfig();
    const mayGoOn = config !== undefined && isExempt(config, description);
    const startsAnyway = mayGoOn || whenUnprotected() === 'allow';
    const teller = { key, name: 'nri', origin: description.origin };
    const answer = await starts.protect(teller, { description, pid: starting.pid }, undefined, startsAnyway);
    return answer.outcome === 'unprotected' && mayGoOn ? { outcome: 'ignored' } : answer;
  };
  return {
    name: 'nri',
    address,
    describe,
    onStart,
    get whenUnprotected() {
      return whenUnprotected();
    },
  };
}
