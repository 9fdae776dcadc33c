import { type JsonObject, objectIn } from '../json-shape.js';

export const HOOK_RUNTIMES = ['docker', 'containerd', 'crio', 'podman'] as const;
export type HookRuntime = (typeof HOOK_RUNTIMES)[number];

/** What a runtime's hook asks when a container is made and has not run its first instruction. */
export interface HookRequest {
  /** From the hook's own command line, which only the runtime's configuration sets. */
  readonly runtime: HookRuntime;
  /** What the hook does when the answer is `unprotected`. */
  readonly onFailure: 'refuse' | 'allow';
  /** Milliseconds of the monotonic clock at which the hook stops waiting; left out by hooks that do not say it. */
  readonly deadline?: number;
  readonly id: string;
  /** The container's first process, as the host numbers it. */
  readonly pid: number;
  /** The directory of the container's configuration, on the host. */
  readonly bundle: string;
  /** Not trustworthy with docker and podman, where whoever starts a container writes them. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** Protected: its policies are in force. */
export type StartAnswer =
  | { readonly outcome: 'protected' }
  | { readonly outcome: 'unprotected'; readonly reason: string };

/** Ignored: it is not a workload. */
export type HookAnswer = StartAnswer | { readonly outcome: 'ignored'; readonly reason: string };

const VERSION = 1;
/** The hook shows some hundred characters of a reason. */
const REASON_LENGTH_MAX = 400;

/** @throws Error saying what is wrong with the text */
export function readHookRequest(text: string): HookRequest {
  let request: unknown;
  try {
    request = JSON.parse(text);
  } catch (error) {
    throw new Error(`it is not JSON: ${(error as Error).message}`);
  }
  const { version, runtime, on_failure: onFailure, deadline_ms: deadline, state } = objectIn(request, 'the request');
  if (version !== VERSION) throw new Error(`its version is ${JSON.stringify(version)}, not ${VERSION}`);
  if (!HOOK_RUNTIMES.includes(runtime as HookRuntime)) throw new Error('it names no runtime that is known');
  if (onFailure !== 'refuse' && onFailure !== 'allow') throw new Error('on_failure is neither refuse nor allow');
  if (deadline !== undefined && !Number.isSafeInteger(deadline)) throw new Error('deadline_ms is not a whole number');
  const { id, pid, bundle, annotations } = objectIn(state, 'state');
  if (typeof id !== 'string' || !/^[\w.+-]{1,1024}$/u.test(id)) throw new Error('state.id is not a container id');
  if (!Number.isSafeInteger(pid) || (pid as number) < 1) throw new Error('state.pid is not a process');
  if (typeof bundle !== 'string' || !bundle.startsWith('/')) throw new Error('state.bundle is not an absolute path');
  return {
    runtime: runtime as HookRuntime,
    onFailure,
    ...(deadline !== undefined && { deadline: deadline as number }),
    id,
    pid: pid as number,
    bundle,
    annotations: texts(annotations === undefined || annotations === null ? {} : objectIn(annotations, 'annotations')),
  };
}

/** The line that the hook gets back. */
export function writeHookAnswer(answer: HookAnswer): string {
  if (answer.outcome === 'protected') return 'protected\n';
  const reason = answer.reason.replace(/\s+/gu, ' ').trim().slice(0, REASON_LENGTH_MAX);
  return `${answer.outcome} ${reason}\n`;
}

function texts(values: JsonObject): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
