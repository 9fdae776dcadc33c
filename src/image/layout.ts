import { CLASS_OF_OPERATION, covers, OPERATIONS, type Operation, PATH_OPERATIONS } from '../policy/effect.js';
import { type BoundRule, type PostureClass, RULE_CLASSES, type RuleClass } from '../policy/model.js';

/**
 * Byte layout of a policy image, shared with bpf/include/image.h (a kernel test compares the two).
 *
 * An image is an array of 8-byte entries, each two 32-bit words in the host's byte order. It holds one automaton, packed
 * by row displacement (Tarjan and Yao, "Storing a sparse table", 1979; the same idea as in Aho, Sethi and Ullman's
 * base/next/check tables): a state is the index `base`, and its transition on `symbol` is the entry `base + symbol` if
 * that entry's first word is `base` again.
 */
export const ENTRY_BYTES = 8;
export const HEADER_ENTRIES = 9;
/** The kernel holds an image in pages of this many entries: a look-up costs more than a step of the automaton. */
export const PAGE_ENTRIES = 4096;
/**
 * The number of this layout, raised with every change, so that a newer daemon does not give older programs images that
 * they would misread.
 */
export const IMAGE_LAYOUT = 9;

/** Header entries, as [first word, second word]. */
export const HEADER = {
  /** [image id, 0]. The id is written when the image is given to the kernel. */
  identity: 0,
  /** [state word of the start, 0] */
  automaton: 1,
  /** [flags, number of rules; a higher number in a verdict is that of a posture] */
  decisions: 2,
  /** Where the row for what no rule matches begins, by subject: two in an entry. */
  defaultRows: 3,
} as const;

/** The image decides for a class when the bit of its number in RULE_CLASSES is set. */
export const decidesFlag = (ruleClass: RuleClass): number => 1 << RULE_CLASSES.indexOf(ruleClass);
/** Some policy names libraries that may be loaded from outside the image. */
export const FLAG_HAS_LIBRARIES = 1 << 14;
/** Some rule about programs has a source: the parent's program must be known as well. */
export const FLAG_HAS_PARENTS = 1 << 15;
/** Some rule has a source: the acting program must be classified. */
export const FLAG_HAS_SOURCES = 1 << 16;
/** Some rule is for processes with a terminal. */
export const FLAG_HAS_TERMINALS = 1 << 17;
export const FLAG_HAS_ARGUMENTS = 1 << 18;
/** Some rule covers mapping files as executable memory. */
export const FLAG_DECIDES_MAPPINGS = 1 << 19;
/** Allowed accesses are learnt. */
export const FLAG_PROFILED = 1 << 20;
/** Some rule names a host: questions for names are read, and addresses learnt from the answers. */
export const FLAG_HAS_NAMES = 1 << 21;

/** Some rule covers system calls as they are made. */
export const FLAG_OBSERVES_CALLS = 1 << 22;
/** Some rule covers system calls by the path they are given. */
export const FLAG_OBSERVES_PATHS = 1 << 23;
/** Some directory has a guard record. */
export const FLAG_HAS_GUARDS = 1 << 24;
/** Some rule, or the posture, may refuse addresses. */
export const FLAG_REFUSES_ENDPOINTS = 1 << 25;
/** Allowed accesses of this class are reported. */
export const visibleFlag = (ruleClass: PostureClass): number => decidesFlag(ruleClass) << VISIBLE_SHIFT;
const VISIBLE_SHIFT = 26;

/** Some rule asks whether what is executed came with the image. */
export const FLAG_DECIDES_DRIFT = 1 << 30;

/** Whether a rule has to see every system call as it is made. */
export function observesCalls({ rule }: BoundRule): boolean {
  return rule.match.kind === 'call' && rule.match.target === undefined;
}

/** Whether a rule has to know the addresses of names. */
export function namesHost({ rule }: BoundRule): boolean {
  return rule.match.kind === 'domain';
}

/** Whether a rule has to see the paths that system calls are given. */
export function observesPaths({ rule }: BoundRule): boolean {
  return rule.match.kind === 'call' && rule.match.target !== undefined;
}

/** Whether a rule covers mapping files as executable memory. */
export function namesMapping({ rule }: BoundRule): boolean {
  return rule.class === 'file' && covers(rule, 'map');
}

/**
 * What a path or object key is about. A path belongs to two classes. Every other class has one subject with one
 * operation, except that network rules cover names too. Arguments of a program are decided after the program itself,
 * and libraries that its loader loads when they are mapped.
 */
export const SUBJECTS = ['path', ...RULE_CLASSES.slice(2), 'arguments', 'names', 'libraries'] as const;
export type Subject = (typeof SUBJECTS)[number];

export function subjectOf(ruleClass: RuleClass): Subject {
  return ruleClass === 'process' || ruleClass === 'file' ? 'path' : ruleClass;
}

/** What the path or object key of an access is about. */
export function subjectOfOperation(operation: Operation): Subject {
  return operation === 'resolve' ? 'names' : subjectOf(CLASS_OF_OPERATION[operation]);
}

/** The operations that are decided on a subject, in the order of their entries in a verdict row. */
export function operationsOn(subject: Subject): readonly Operation[] {
  return OPERATIONS.filter((operation) => subjectOfOperation(operation) === subject);
}

/** A state word is the state's base and two flags. The word 0 is the dead state: no rule can match any more. */
export const STATE_BASE_MASK = 0x3fffffff;
/** The state has a default transition, on SYMBOL_DEFAULT, for bytes without a transition of their own. */
export const STATE_HAS_DEFAULT = 0x40000000;
/** Every byte leads back to the state: the rest of the path cannot change the answer. */
export const STATE_ABSORBING = 0x80000000;

/** Symbols below 256 are bytes of the path; NUL never occurs in one and stands for the default. */
export const SYMBOL_DEFAULT = 0;
/**
 * At the end of a program's path: leads to the number of the program's class and, in the upper bits, of its class while
 * no Allow rule holds for it.
 */
export const SYMBOL_PROGRAM_CLASS = 256;
/** At the end of a directory's path: leads to the entry at which its guard record begins. */
export const SYMBOL_GUARD = 257;
/**
 * At the end of a program's path: leads to two entries, marked as those of rows are: [verdict on programs of other
 * classes that trace it, verdict to report when no Allow rule holds for it], [verdict on writing or making its file,
 * unused].
 */
export const SYMBOL_SOURCE = 258;
export const SOURCE_ENTRIES = 2;
/**
 * At the end of a path or object key, plus the actor's symbol: leads to the entry at which a verdict row begins. Plus
 * the parent's symbol, where the parent makes a difference: leads to a state that has such entries instead.
 */
export const SYMBOL_VERDICT = 259;
/** The class of every program that no rule names as its source. */
export const PROGRAM_CLASS_UNNAMED = 0;
export const PROGRAM_CLASS_BITS = 16;
export const PROGRAM_CLASS_MASK = 0xffff;
/** The actor's symbol is the program's class times SYMBOLS_PER_CLASS, plus this if it has a terminal. */
export const ACTOR_HAS_TERMINAL = 1;
/**
 * The parent's symbol is the class of the parent's program times SYMBOLS_PER_CLASS, plus this. With the unnamed class it
 * means an unknown parent: rules that keep a parent's children from something hold, and none that allows them
 * something.
 */
export const ACTOR_IS_PARENT = 2;
export const SYMBOLS_PER_CLASS = 4;

/** Whether a symbol leads to a state for the children of some program rather than to a row. */
export function isOfParent(symbol: number): boolean {
  return symbol >= SYMBOL_VERDICT && ((symbol - SYMBOL_VERDICT) & ACTOR_IS_PARENT) !== 0;
}

/**
 * A verdict row is one entry per operation: [verdict for the file's owner, verdict for everyone else]. Rows stand among
 * the states, each on one page: that of a state that leads to it, where there is room.
 */
export const VERDICT_ROW_ENTRIES = PATH_OPERATIONS.length;

/**
 * A guard record is two entries, marked as verdicts are: [class of what is refused below the directory, class of what
 * is decided there at all], [verdict where what is refused would change, where anything else would]. A class of 0, and
 * a missing record, stand for what is decided where no rule matches.
 */
export const GUARD_ENTRIES = 2;
export const GUARD_NOTHING = 0;
/**
 * In a verdict of a guard record: decided as below any directory that no rule names, so the other name is the guarded
 * one.
 */
export const GUARD_COMMON = 0x20000000;

/** A verdict is an action in the two upper bits and the number of the rule that decided, or RULE_NONE. */
export const VERDICT_ACTION_SHIFT = 30;
/** Holds only if an argument is not among those the rule allows; otherwise the rule allows the program. */
export const VERDICT_BY_ARGUMENTS = 0x20000000;
export const VERDICT_RULE_MASK = 0x1fffffff;
/** Added to every verdict in an image, so that none is equal to the base of a state. */
export const VERDICT_MARK = 0x40000000;
export const VERDICT_ACTIONS = ['Allow', 'Audit', 'Block'] as const;
export const RULE_NONE = VERDICT_RULE_MASK;
