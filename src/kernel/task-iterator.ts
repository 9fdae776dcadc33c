import { closeDescriptor } from '../native/libc.js';
import { linkIterator, readPass } from './iterators.js';

/** enum task_report of bpf/include/task_iterator.h: the value that means success. */
const TASK_REPORT_MARKED = 'm'.charCodeAt(0);
const CHUNK_BYTES = 4096;
const PASSES_MAX = 16;
/**
 * A child may get a number that the pass has already passed, and its parent may end before the pass reaches it, so one
 * pass that finds nothing proves nothing. The child's own children have higher numbers, so the next pass reaches one of
 * them.
 */
const EMPTY_PASSES_NEEDED = 2;

/**
 * Confines every task that is in one of the map's new containers, by the program hauberk_mark_tasks. The kernel goes
 * through the tasks off the main thread.
 *
 * @param program its descriptor
 * @returns how many were not confined before
 * @throws if tasks are still found, or cannot be marked, after many passes
 */
export async function markTasks(program: number): Promise<number> {
  const link = linkIterator(program);
  try {
    let marked = 0;
    let emptyPasses = 0;
    for (let passes = 0; passes < PASSES_MAX; passes++) {
      const reports = await reportsOfOnePass(link);
      marked += reports.filter((report) => report === TASK_REPORT_MARKED).length;
      emptyPasses = reports.length === 0 ? emptyPasses + 1 : 0;
      if (emptyPasses === EMPTY_PASSES_NEEDED) return marked;
    }
  } finally {
    closeDescriptor(link);
  }
  throw new Error(`not every task inside could be put under its container's policy in ${PASSES_MAX} passes`);
}

/**
 * Records the owners of the sockets on which tasks of the map's new containers listen, by the program
 * hauberk_mark_listeners.
 *
 * @param program its descriptor
 */
export async function markListeners(program: number): Promise<void> {
  const link = linkIterator(program);
  try {
    await reportsOfOnePass(link);
  } finally {
    closeDescriptor(link);
  }
}

/** A byte for each task that was not confined. */
async function reportsOfOnePass(link: number): Promise<number[]> {
  const reports: number[] = [];
  for await (const chunk of readPass(link, CHUNK_BYTES)) reports.push(...chunk);
  return reports;
}
