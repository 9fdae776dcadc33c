import type { MountOperation, TraceOperation } from '../policy/model.js';
import type { SocketUse } from '../policy/network.js';
import type { CallPoint } from '../policy/system-calls.js';

/** What only presets decide about. */
export const BEHAVIOURS = [
  'map-anonymous',
  'run-by-path',
  'run-without-name',
  'open-environment-of-process',
  'open-entry-of-process',
  'run-from-outside',
  'use-of-host',
  'run-changed',
  'run-from-elsewhere',
  'run-from-nowhere',
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

export interface PathObject {
  readonly kind: 'path';
  /** Empty where no path leads to the file. */
  readonly path: string;
}

/** What is not a path alone. A path, or a type of a filesystem, is empty where there is none. */
export type KeyObject =
  | ({ readonly kind: 'socket' } & SocketUse)
  /** A DNS question for a name; that of the root is empty. */
  | { readonly kind: 'query'; readonly name: string }
  /** By the number of capabilities(7), as the kernel may have more than this version knows. */
  | { readonly kind: 'capability'; readonly number: number }
  | { readonly kind: 'filesystem'; readonly type: string; readonly path: string }
  | { readonly kind: 'mount'; readonly operation: MountOperation; readonly type: string; readonly path: string }
  /** `path` is that of the other process's program; empty for a kernel thread. */
  | { readonly kind: 'trace'; readonly operation: TraceOperation; readonly path: string }
  /** A user namespace. */
  | { readonly kind: 'namespace' }
  /** By the number that callName of policy/system-calls.ts takes. */
  | { readonly kind: 'call'; readonly point: CallPoint; readonly number: number; readonly path: string }
  /** `capability` is the number of one of the host's. */
  | {
      readonly kind: 'behaviour';
      readonly behaviour: Behaviour;
      readonly path: string;
      readonly capability?: number;
    };

/**
 * The object of an access that was reported or remembered. It says nothing of how the kernel encodes objects: only this
 * folder knows that.
 */
export type ReportedObject = PathObject | KeyObject;
