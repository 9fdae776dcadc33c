import type { Operation, Ownership } from '../policy/effect.js';
import type { MountOperation, Preset, TraceOperation } from '../policy/model.js';
import type { SocketUse } from '../policy/network.js';

/** The object of an access, as far as rules distinguish it. Paths are bytes: file names need not be UTF-8. */
export type AccessObject =
  /** A directory's path ends in a slash. */
  | { readonly kind: 'path'; readonly path: Uint8Array /** Of rename and link. */; readonly newPath?: Uint8Array }
  | ({ readonly kind: 'socket' } & SocketUse)
  /** A DNS question for a name: in lower case, without a dot at its end. */
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'capability'; readonly capability: string }
  | { readonly kind: 'filesystem'; readonly type: string; readonly path: Uint8Array }
  /** `type` is empty where the call names none. */
  | {
      readonly kind: 'mount';
      readonly operation: MountOperation;
      readonly type: string;
      readonly path: Uint8Array;
    }
  /** `path` is that of the other process's program; empty for a kernel thread. */
  | { readonly kind: 'trace'; readonly operation: TraceOperation; readonly path: Uint8Array }
  | { readonly kind: 'namespace' }
  /** A system call as it is made or, with a path, when the kernel has found the path that it was given. */
  | { readonly kind: 'call'; readonly call: string; readonly path?: Uint8Array }
  /** The presets that cover it, all of them; of `drift`: where the file lies, on another filesystem than the root. */
  | { readonly kind: 'behaviour'; readonly presets: readonly Preset[]; readonly path?: Uint8Array };

/** One access, the input of the reference evaluator. */
export interface Access {
  readonly operation: Operation;
  readonly object: AccessObject;
  /** Path of the acting program; of the one that runs another for `execute`. */
  readonly program: Uint8Array;
  /**
   * Of `execute`: the program of the acting process's parent, which forked it; empty, and left out, where it comes from
   * outside the container.
   */
  readonly parent?: Uint8Array;
  /** Whether the acting user owns the file. */
  readonly ownership: Ownership;
  /** Whether the acting process has a controlling terminal. */
  readonly terminal: boolean;
  /** Of a program that is run, without its name. */
  readonly arguments: readonly Uint8Array[];
}
