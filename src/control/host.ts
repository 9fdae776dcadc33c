import { hostname } from 'node:os';
import type { Container, NamespacePair } from '../containers/container.js';

/** How calls and events name the host's own processes where they name a container. */
export const HOST_ID = 'host';

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
    labels: { 'kubernetes.io/hostname': name, ...labels },
    origin: 'host',
    isHost: true,
    namespaces,
    links,
  };
}
