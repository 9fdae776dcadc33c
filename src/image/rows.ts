import { CLASS_OF_OPERATION, effectOf, OWNERSHIPS } from '../policy/effect.js';
import type { Action, Posture, Rule, RuleClass } from '../policy/model.js';
import { isForLocal } from '../policy/precedence.js';
import { coversFamilies, type PosturesInForce, type RuleSet } from '../policy/rule-set.js';
import type { DecidingRule } from './image.js';
import {
  operationsOn,
  RULE_NONE,
  SUBJECTS,
  type Subject,
  subjectOf,
  VERDICT_ACTION_SHIFT,
  VERDICT_ACTIONS,
  VERDICT_BY_ARGUMENTS,
  VERDICT_ROW_ENTRIES,
  VERDICT_RULE_MASK,
} from './layout.js';

/** Words of a verdict row: one for each operation and ownership. */
export const ROW_WORDS = VERDICT_ROW_ENTRIES * OWNERSHIPS.length;
const NO_EFFECT = -1;
const AUDIT = VERDICT_ACTIONS.indexOf('Audit');
const ALLOWED = verdictWord('Allow', RULE_NONE);

/** Works out the verdict row of a list of rules, cell by cell: a cell is an operation and an ownership. */
export class Rows {
  /** The rule, or posture, behind each number in a verdict. */
  readonly decidingRules: readonly DecidingRule[];
  readonly #effects: Int32Array;
  readonly #isEnforced: readonly boolean[];
  readonly #hasPermissive: boolean;
  /** The implied rule for local sockets is in no policy, so it decides without a rule number. */
  readonly #isLocal: readonly boolean[];
  /**
   * Local sockets are allowed under the enforced policies, and not under policies in audit mode that cover families.
   */
  readonly #isPermissive: readonly boolean[];
  readonly #defaults: ReadonlyMap<Subject, Int32Array>;
  readonly #permissiveDefaults: ReadonlyMap<Subject, Int32Array>;
  readonly #subjects: readonly Subject[];

  constructor({ rules, postures, permissivePostures }: RuleSet) {
    const decidingRules: DecidingRule[] = [...rules];
    this.decidingRules = decidingRules;
    this.#subjects = rules.map(({ rule }) => subjectOf(rule.class));
    this.#effects = new Int32Array(rules.length * ROW_WORDS);
    // Thousands of rules have the same few effects, so these are cached.
    const known = new Map<string, readonly number[]>();
    for (const [index, { rule }] of rules.entries()) {
      const { class: ruleClass, action, ownerOnly, readOnly, operations } = rule;
      const kind = `${ruleClass} ${action} ${ownerOnly} ${readOnly} ${operations} ${rule.arguments !== undefined} ${rule.match.kind}`;
      const effects = known.get(kind) ?? effectsOf(rule);
      known.set(kind, effects);
      this.#effects.set(effects, index * ROW_WORDS);
    }
    this.#isEnforced = rules.map(({ policy }) => policy.mode !== 'audit');
    this.#hasPermissive = permissivePostures !== undefined;
    const namesFamilies = rules.some(coversFamilies);
    this.#isLocal = rules.map(({ rule }) => isForLocal(rule.match));
    this.#isPermissive = this.#isLocal.map((isLocal) => !(isLocal && namesFamilies));
    this.#defaults = defaultsFor(postures, 'enforce', decidingRules);
    this.#permissiveDefaults =
      permissivePostures === undefined ? new Map() : defaultsFor(permissivePostures, 'audit', decidingRules);
  }

  /** The subject of these rules, questions for names aside. */
  subjectOf(rules: Int32Array): Subject {
    return this.#subjects[rules[0]!]!;
  }

  /** The row for what no rule matches. */
  defaultOf(subject: Subject): Int32Array {
    if (subject === 'libraries') return this.ofLibrary(false);
    return this.#row(subject, new Int32Array(0));
  }

  /** The row of what these rules match, in their order, where it is of this subject. */
  of(subject: Subject, rules: Int32Array): Int32Array {
    return this.#row(subject, rules);
  }

  /** The row of arguments that this rule allows. */
  ofArguments(rule: number): Int32Array {
    return new Int32Array(ROW_WORDS).fill(ALLOWED).fill(verdictWord('Allow', rule), 0, OWNERSHIPS.length);
  }

  /** The row of libraries; a program that loads one which is not allowed acts without its Allow rules. */
  ofLibrary(isAllowed: boolean): Int32Array {
    return new Int32Array(ROW_WORDS).fill(isAllowed ? ALLOWED : verdictWord('Audit', RULE_NONE));
  }

  /**
   * What a policy in audit mode would refuse is reported, so the stronger of two results holds: that of the enforced
   * policies, and that of all policies with every Block lowered to Audit.
   */
  #row(subject: Subject, rules: Int32Array): Int32Array {
    const row = this.#settle(
      rules.filter((rule) => this.#isEnforced[rule]!),
      this.#defaults.get(subject)!,
    );
    if (!this.#hasPermissive) return row;
    const permissive = this.#settle(
      rules.filter((rule) => this.#isPermissive[rule]!),
      this.#permissiveDefaults.get(subject)!,
    );
    return row.map((word, cell) => {
      if (actionOf(permissive[cell]!) <= actionOf(word)) return word;
      const conditions = permissive[cell]! & (VERDICT_BY_ARGUMENTS | VERDICT_RULE_MASK);
      return (AUDIT << VERDICT_ACTION_SHIFT) | conditions;
    });
  }

  /** The first rule with an effect decides. */
  #settle(rules: Int32Array, defaults: Int32Array): Int32Array {
    const row = Int32Array.from(defaults);
    let open = (1 << ROW_WORDS) - 1;
    for (const rule of rules) {
      for (let cell = 0; cell < ROW_WORDS; cell++) {
        const effect = this.#effects[rule * ROW_WORDS + cell]!;
        if (effect === NO_EFFECT || (open & (1 << cell)) === 0) continue;
        row[cell] = this.#isLocal[rule] ? ALLOWED : effect | rule;
        open &= ~(1 << cell);
      }
      if (open === 0) break;
    }
    return row;
  }
}

function effectsOf(rule: Rule): number[] {
  const effects = new Array<number>(ROW_WORDS).fill(NO_EFFECT);
  operationsOn(subjectOf(rule.class)).forEach((operation, index) => {
    OWNERSHIPS.forEach((ownership, column) => {
      const effect = effectOf(rule, operation, ownership);
      if (effect === undefined) return;
      // A user who does not own the file is refused whatever the arguments are.
      const byArguments = rule.arguments !== undefined && !(rule.ownerOnly && ownership === 'other');
      effects[index * OWNERSHIPS.length + column] =
        (VERDICT_ACTIONS.indexOf(effect) << VERDICT_ACTION_SHIFT) | (byArguments ? VERDICT_BY_ARGUMENTS : 0);
    });
  });
  return effects;
}

/** The row of each subject where no rule says anything; the postures in it are added to the deciding rules. */
function defaultsFor(
  postures: PosturesInForce,
  mode: 'enforce' | 'audit',
  decidingRules: DecidingRule[],
): ReadonlyMap<Subject, Int32Array> {
  const numberOf = new Map<string, number>();
  const wordOf = (posture: Posture, ruleClass: RuleClass) => {
    const key = `${posture} ${ruleClass}`;
    const known = numberOf.get(key) ?? decidingRules.push({ posture, class: ruleClass, mode }) - 1;
    numberOf.set(key, known);
    return verdictWord(posture === 'audit' ? 'Audit' : 'Block', known);
  };
  return new Map(
    SUBJECTS.map((subject) => {
      const row = new Int32Array(ROW_WORDS).fill(ALLOWED);
      operationsOn(subject).forEach((operation, index) => {
        const posture = postures[operation];
        if (posture === undefined) return;
        const word = wordOf(posture, CLASS_OF_OPERATION[operation]);
        row.fill(word, index * OWNERSHIPS.length, (index + 1) * OWNERSHIPS.length);
      });
      return [subject, row];
    }),
  );
}

function actionOf(word: number): number {
  return word >>> VERDICT_ACTION_SHIFT;
}

function verdictWord(action: Action, rule: number): number {
  return (VERDICT_ACTIONS.indexOf(action) << VERDICT_ACTION_SHIFT) | rule;
}
