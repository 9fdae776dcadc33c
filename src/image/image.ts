import type { BoundRule, Posture, RuleClass } from '../policy/model.js';

/** What a rule number in a verdict stands for: a rule of a policy, or the default posture of a class. */
export type DecidingRule =
  | BoundRule
  | {
      readonly posture: Posture;
      readonly class: RuleClass;
      readonly mode: 'enforce' | 'audit';
    };

/** A compiled rule set. Immutable; equal rule sets compile to equal images. */
export interface Image {
  /** Entries as layout.ts describes them, two words each; the id in the header is still 0. */
  readonly words: Uint32Array;
  /** Indexed by the rule number of a verdict. */
  readonly rules: readonly DecidingRule[];
  /** The numbers of rules that appear in some verdict. */
  readonly decided: ReadonlySet<number>;
  readonly states: number;
  readonly transitions: number;
}
