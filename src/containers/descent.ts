import { readFileSync } from 'node:fs';
import { Failure, invalidInput } from '../failure.js';
import { ProcessDescriptor } from './pidfd.js';

/** The process at the other end of a Unix socket, by the socket's credentials. */
export interface CallingProcess {
  /** 0 for a process that is not seen from here. */
  readonly pid: number;
  readonly uid: number;
}

const FIELD = 'child_pid';

/**
 * Examines a process that the caller has started, itself or through others. Its pidfd is held meanwhile, so that its
 * number is not reused.
 *
 * @param look may throw a Failure that names field `pid`
 * @throws Failure invalid-argument for field `child_pid` when there is no such process or it is none of the caller's
 */
export function lookAtChild<Result>(pid: number, caller: CallingProcess, look: () => Result): Result {
  const descriptor = ProcessDescriptor.open(pid);
  if (descriptor === undefined) throw invalid(`no process ${pid}`);
  try {
    if (!isOf(pid, caller)) throw invalid(`process ${pid} was not started by the caller, process ${caller.pid}`);
    const result = look();
    if (!descriptor.hasNumber) throw invalid(`process ${pid} has ended`);
    return result;
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.problems.length === 0) throw thrown;
    throw invalidInput(thrown.problems.map((problem) => ({ ...problem, field: FIELD })));
  } finally {
    descriptor.close();
  }
}

/** It must be of the caller's user, too: if the caller has ended, its number may belong to another process. */
function isOf(pid: number, caller: CallingProcess): boolean {
  const status = statusOf(pid);
  if (caller.pid === 0 || status?.uid !== caller.uid) return false;
  for (let parent = status.parent; parent > 1; parent = statusOf(parent)?.parent ?? 0)
    if (parent === caller.pid) return true;
  return false;
}

function statusOf(pid: number): { readonly parent: number; readonly uid: number } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return undefined;
  }
  const numberIn = (name: string) => Number(new RegExp(`^${name}:\\t(\\d+)`, 'mu').exec(text)?.[1]);
  return { parent: numberIn('PPid'), uid: numberIn('Uid') };
}

function invalid(description: string): Failure {
  return invalidInput([{ field: FIELD, description }]);
}
