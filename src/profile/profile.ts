import type { Container } from '../containers/container.js';
import { type Subject, selectsBy } from '../policy/policy-index.js';

/** Whose accesses a profile learns: those of one container, or of all in a namespace with these labels. */
export type ProfileSubject =
  | { readonly kind: 'container'; readonly id: string }
  | {
      readonly kind: 'selector';
      readonly namespace: string;
      readonly matchLabels: Readonly<Record<string, string>>;
    };

/** A recording of what containers do. It never refuses anything. */
export interface Profile {
  /** Unique. */
  readonly name: string;
  readonly subject: ProfileSubject;
  /** Milliseconds since the Unix epoch. */
  readonly started: number;
  /** Left out while it runs. */
  readonly stopped?: number;
}

/** A container as a profile knows it, also when it has ended. */
export type ProfiledContainer = Pick<Container, 'id' | 'name' | 'namespace' | 'labels' | 'namespaces'>;

/** The profile that learns what a container does now: of several, the one that was started first. */
export function runningProfileOf(
  container: Subject & { readonly id?: string },
  profiles: ReadonlyMap<string, Profile>,
): Profile | undefined {
  // Usually there is none, and this is called for every container.
  if (profiles.size === 0) return undefined;
  return [...profiles.values()].find(({ subject, stopped }) => stopped === undefined && isAbout(subject, container));
}

function isAbout(subject: ProfileSubject, container: Subject & { readonly id?: string }): boolean {
  if (container.isHost) return false;
  if (subject.kind === 'container') return container.id === subject.id;
  return subject.namespace === container.namespace && selectsBy({ matchLabels: subject.matchLabels }, container);
}
