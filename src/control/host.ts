import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Container, NamespacePair } from '../containers/container.js';
import type { HostIdentity } from '../events/details.js';

/** The host as it is found where the daemon starts. */
export interface HostFacts {
  readonly namespaces: NamespacePair;
  /** Where its files are seen: empty, or `/proc/1/root` from inside a container. */
  readonly root: string;
  /** See Container.links. */
  readonly links: Readonly<Record<string, string>>;
}

/**
 * What distinguishes this host's events from those of other hosts.
 *
 * @param root where the host's files are seen
 */
export function hostIdentity(root: string): HostIdentity {
  const read = (path: string) => {
    try {
      return readFileSync(`${root}${path}`, 'utf8').trim();
    } catch {
      return '';
    }
  };
  // A container has a name of its own.
  return { hostName: (root === '' ? '' : read('/etc/hostname')) || hostname(), machineId: read('/etc/machine-id') };
}

import { HOST_NAME_LABEL } from '../policy/selector-labels.js';

/** As Kubernetes names them. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** How calls and events name the host's own processes where they name a container. */
export const HOST_ID = 'host';

/** Whether it is the host's own processes: see hostAsSubject. */
export function isHost(subject: Pick<Container, 'isHost'>): boolean {
  return subject.isHost === true;
}

/** The host's own processes, as policies of kind KubeArmorHostPolicy reach them. */
export function hostAsSubject(
  namespaces: NamespacePair,
  labels: Readonly<Record<string, string>>,
  links: Readonly<Record<string, string>>,
): Container {
  const name = hostname();
  return {
    id: HOST_ID,
    name,
    namespace: '',
    labels: {
      [HOST_NAME_LABEL]: name,
      'kubernetes.io/hostname': name,
      'kubernetes.io/arch': ARCHITECTURES[process.arch] ?? process.arch,
      'kubernetes.io/os': process.platform,
      ...labels,
    },
    origin: 'host',
    isHost: true,
    namespaces,
    links,
  };
}
