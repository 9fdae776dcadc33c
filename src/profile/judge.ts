import type { DecidingRule, Image } from '../image/image.js';
import { classifyProgram, type Decision, decide } from '../image/walk.js';
import { writeObjectKey } from '../image/write-object-key.js';
import type { Action } from '../policy/model.js';
import type { ObservedAccess } from './observed-access.js';

export interface Judgement {
  readonly action: Action;
  /** The rule, or the posture, that decides; undefined where none covers the access. */
  readonly decider: DecidingRule | undefined;
  /** The decision holds only if an argument is not among those of the rule; arguments were not recorded. */
  readonly byArguments: boolean;
}

const STRENGTH: readonly Action[] = ['Allow', 'Audit', 'Block'];

/** Decides about accesses that were seen, by the image that the kernel would use. */
export class Judge {
  constructor(readonly image: Image) {}

  judge({ object, program, parent = '', fromOutside, terminal, ownership, operations }: ObservedAccess): Judgement {
    const { words, rules } = this.image;
    const classOf = (path: string) => (fromOutside || path === '' ? 0 : classifyProgram(words, Buffer.from(path)));
    const actor = { programClass: classOf(program), parentClass: classOf(parent), terminal };
    const bytes = Buffer.from(writeObjectKey(object));
    const decisions = operations.map((operation) => decide(words, bytes, actor, operation, ownership));
    // Like the kernel, if several operations are wanted at once: the first of the strongest.
    const [strongest] = [...decisions].sort((a, b) => STRENGTH.indexOf(b.action) - STRENGTH.indexOf(a.action));
    const { action, rule, byArguments = false }: Decision = strongest ?? { action: 'Allow', rule: undefined };
    return { action, decider: rule === undefined ? undefined : rules[rule], byArguments };
  }
}
