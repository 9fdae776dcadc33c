/** Programs that are not attached to a hook for good, by their names in the object. */

/** It slows down every system call of the machine, so it is attached only while a rule needs it. */
export const CALLS_PROGRAM = 'hauberk_sys_enter';
export const CALLS_LINK = `${CALLS_PROGRAM}_link`;
/** They are run when asked for: see task-iterator.ts. */
export const TASK_ITERATOR = 'hauberk_mark_tasks';
export const LISTENER_ITERATOR = 'hauberk_mark_listeners';
/** Run by a daemon when it starts: see self-protection.ts. */
export const CLAIM_PROGRAM = 'hauberk_claim';
/**
 * It runs at every read and write of the machine, so it is attached only while a container holds files that its rules
 * refuse.
 */
export const HELD_PROGRAM = 'hauberk_file_permission';
export const HELD_LINK = `${HELD_PROGRAM}_link`;
/** It runs for every packet that arrives for a socket, so it is attached only while a rule names hosts. */
export const ANSWER_PROGRAM = 'hauberk_answer';
export const ANSWER_LINK = `${ANSWER_PROGRAM}_link`;
/** They are run when asked for: see holdings.ts. */
export const SEARCH_PROGRAMS = ['hauberk_find_descriptors', 'hauberk_find_rings', 'hauberk_find_mappings'];
/** Run when a container's root is examined: see layer-trial.ts. */
export const LAYER_PROGRAM = 'hauberk_find_layer';
/** Attached to no hook. */
export const RUN_PROGRAMS = [TASK_ITERATOR, LISTENER_ITERATOR, CLAIM_PROGRAM, LAYER_PROGRAM, ...SEARCH_PROGRAMS];
/** Loaded and pinned, but not permanently attached to a hook. */
const UNATTACHED_PROGRAMS = [CALLS_PROGRAM, HELD_PROGRAM, ANSWER_PROGRAM, ...RUN_PROGRAMS];

/** Whether a program is attached to its hook as long as the enforcement lasts. */
export function isLinked(name: string): boolean {
  return !UNATTACHED_PROGRAMS.includes(name);
}
