import type { Container } from '../containers/container.js';
import { type FoundLinks, findLinks, type NamedPaths } from '../containers/find-links.js';
import { mountsOf } from '../containers/mounts.js';
import { namedIn } from '../policy/named-paths.js';
import type { PolicySet } from '../policy/policy-set.js';
import { type HostNeeds, lookAtHost } from './host-guard.js';
import type { HostSubject } from './host-subject.js';

/** What policies for the host depend on of its processes and files. */
export interface HostFiles {
  needs(): HostNeeds | Promise<HostNeeds>;
  /** See findLinks. */
  links(named: NamedPaths): FoundLinks;
}

const NO_LINKS: FoundLinks = { links: {}, shared: [], changing: {}, mountedTwice: new Map(), folded: [] };

/** A host that has nothing. */
export const NO_HOST_FILES: HostFiles = { needs: () => ({ guarded: [], needs: [] }), links: () => NO_LINKS };

/** @param root where the host's files are seen: empty, or `/proc/1/root` from inside a container */
export function filesOfHost(root: string): HostFiles {
  return { needs: () => lookAtHost(root), links: (named) => findLinks({ root, mounts: mountsOf(1) }, named) };
}

/** The host with the symbolic links that are now on the ways of what policies for it name. */
export function withLinksOfHost(
  host: Container,
  policies: PolicySet,
  subject: Pick<HostSubject, 'linked'>,
  files: Pick<HostFiles, 'links'>,
): Container {
  const named = namedIn(policies.reaching(host).flatMap(({ rules }) => rules));
  return named.paths.size === 0 ? host : subject.linked(host, files.links(named));
}
