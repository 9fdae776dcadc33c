import type { RuleClass } from '../policy/model.js';
import { HOOK_USES } from './hook-uses.js';
import { RUN_PROGRAMS } from './program-roles.js';

/**
 * Why a hook is missing. `absent`: the kernel has none of that name, or none that a BPF program can be given.
 * `not_loaded`: the kernel refuses the program. `not_attached`: it takes the program, but does not attach it to that
 * hook.
 */
export const MISSING_CAUSES = ['absent', 'not_loaded', 'not_attached'] as const;
export type MissingCause = (typeof MISSING_CAUSES)[number];

/** In place of a class for what is about Hauberk itself, which no rule covers. */
export const OWN_CLASS = 'hauberk';

/** Something that rules can be about; the language has no finer distinction. */
export interface Operation {
  readonly class: RuleClass;
  /** Named as in HOOK_USES. */
  readonly operation: string;
}

/** A hook that is missing while the others enforce. */
export interface MissingHook {
  readonly program: string;
  /** As the kernel names it. */
  readonly hook: string;
  readonly cause: MissingCause;
  /** A description; for a program that was not loaded, the last lines of the verifier. */
  readonly reason: string;
}

/** A description of what is not checked. */
export function whatIsMissing({ program }: MissingHook): string {
  return HOOK_USES[program]?.what ?? program;
}

/** What is decided only partly, or not at all, without the hook. */
export function notCovered({ program }: MissingHook): Operation[] {
  return Object.entries(HOOK_USES[program]?.decides ?? {}).flatMap(([ruleClass, operations]) =>
    operations.map((operation) => ({ class: ruleClass as RuleClass, operation })),
  );
}

/** What of Hauberk's own objects is protected only partly, or not at all, without the hook. */
export function notKept({ program }: MissingHook): string[] {
  return [...(HOOK_USES[program]?.keeps ?? [])];
}

/** The same two as rows for people and metrics, at least one. */
export function whatIsNotInForce(missing: MissingHook): { readonly class: string; readonly operation: string }[] {
  const rows = [...notCovered(missing), ...notKept(missing).map((operation) => ({ class: OWN_CLASS, operation }))];
  return rows.length > 0 ? rows : [{ class: OWN_CLASS, operation: whatIsMissing(missing) }];
}

/** A line: `hook path_chown is missing, so nothing decides about changes of owner (file: attributes)`. */
export function describeMissing(missing: MissingHook): string {
  const { decides = {}, keeps } = HOOK_USES[missing.program] ?? {};
  const uses = Object.entries({ ...decides, ...(keeps && { [OWN_CLASS]: keeps }) });
  const classes = uses.map(([ruleClass, operations]) => `${ruleClass}: ${operations.join(', ')}`);
  const about = whatIsMissing(missing) + (classes.length > 0 ? ` (${classes.join('; ')})` : '');
  // It decides nothing itself: others decide with what it finds.
  if (RUN_PROGRAMS.includes(missing.program)) return `program ${missing.program} is missing, which is for ${about}`;
  return `hook ${missing.hook} is missing, so nothing decides about ${about}`;
}

/** The same with the reason; several lines where the verifier has said something. */
export function explainMissing(missing: MissingHook): string {
  return `${describeMissing(missing)}; ${missing.reason}`;
}
