import { Failure } from '../failure.js';
import { CLASS_OF_OPERATION, type Operation } from '../policy/effect.js';
import type { BoundRule } from '../policy/model.js';
import { POSTURE_CLASSES, policyKey, RULE_CLASSES } from '../policy/model.js';
import { PatternError } from '../policy/pattern.js';
import type { RuleSet } from '../policy/rule-set.js';
import { finish, isStep, type Steps } from '../steps.js';
import type { Automaton } from './automaton.js';
import { determinize } from './determinize.js';
import { findGuards } from './guards.js';
import type { Image } from './image.js';
import { addQuestions } from './kinds/network.js';
import { addExceptions } from './kinds/presets.js';
import {
  decidesFlag,
  FLAG_DECIDES_DRIFT,
  FLAG_DECIDES_MAPPINGS,
  FLAG_HAS_ARGUMENTS,
  FLAG_HAS_GUARDS,
  FLAG_HAS_LIBRARIES,
  FLAG_HAS_NAMES,
  FLAG_HAS_PARENTS,
  FLAG_HAS_SOURCES,
  FLAG_HAS_TERMINALS,
  FLAG_OBSERVES_CALLS,
  FLAG_OBSERVES_PATHS,
  FLAG_PROFILED,
  FLAG_REFUSES_ENDPOINTS,
  namesHost,
  namesMapping,
  observesCalls,
  observesPaths,
  visibleFlag,
} from './layout.js';
import { Budget, DEFAULT_LIMITS, LimitExceeded, type Limits } from './limits.js';
import { addGuarded, addMatch } from './matches.js';
import { minimize } from './minimize.js';
import { NodePruning } from './node-pruning.js';
import { NondeterministicAutomaton } from './nondeterministic.js';
import { addArguments, addGuardedLinks, addLibraries } from './object-keys.js';
import { pack } from './pack.js';
import { addProgram } from './paths.js';
import { classifyPrograms } from './program-classes.js';
import { Verdicts } from './verdicts.js';

/**
 * Compiles what is decided for a container into the image the kernel follows. Throws a Failure: `resource-exhausted`
 * where a limit is passed, naming the pattern that passes it alone if there is one, and `invalid-argument` for a
 * malformed pattern.
 */
export function* compileInSteps(ruleSet: RuleSet, limits: Partial<Limits> = {}): Steps<Image> {
  const effective = { ...DEFAULT_LIMITS, ...limits };
  try {
    const { automaton, verdicts } = yield* buildAutomaton(ruleSet, new Budget(effective));
    const minimal = yield* minimize(automaton);
    const guards = yield* findGuards(minimal, verdicts);
    const flags = flagsOf(ruleSet) | (guards.records.length > 0 ? FLAG_HAS_GUARDS : 0);
    return {
      words: yield* pack(minimal, verdicts, guards, flags),
      rules: verdicts.decidingRules,
      decided: yield* verdicts.decidedRules(),
      states: minimal.states - 1,
      transitions: minimal.targets.length + minimal.defaults.filter((target) => target !== 0).length,
    };
  } catch (error) {
    throw error instanceof LimitExceeded ? yield* tooComplex(ruleSet, effective, error) : error;
  }
}

/**
 * Whether a rule set keeps within the limits: does most of the work of compiling it, without finding out which pattern
 * is too large.
 */
export function* isWithinLimits(ruleSet: RuleSet, limits: Partial<Limits> = {}): Steps<boolean> {
  try {
    yield* buildAutomaton(ruleSet, new Budget({ ...DEFAULT_LIMITS, ...limits }));
    return true;
  } catch (error) {
    if (error instanceof LimitExceeded) return false;
    throw error;
  }
}

/** `compileInSteps` in one go, for rule sets that take no time worth sharing. */
export function compileImage(ruleSet: RuleSet, limits?: Partial<Limits>): Image {
  return finish(compileInSteps(ruleSet, limits));
}

function* buildAutomaton(ruleSet: RuleSet, budget: Budget): Steps<{ automaton: Automaton; verdicts: Verdicts }> {
  const verdicts = new Verdicts(ruleSet, yield* classifyPrograms(ruleSet.rules, budget), budget);
  const nondeterministic = new NondeterministicAutomaton(budget);
  for (const [index, bound] of ruleSet.rules.entries()) {
    addRule(nondeterministic, bound, index);
    if (isStep(index)) yield;
  }
  verdicts.programs.sources.forEach((source, index) => {
    addProgram(nondeterministic, source, verdicts.marks.ofSource(index));
  });
  ruleSet.rules.forEach(({ policy, rule, guardedLinks = [] }, index) => {
    addArguments(nondeterministic, index, rule.arguments ?? [], verdicts.marks.ofArguments(index));
    addQuestions(nondeterministic, rule.match, verdicts.marks.ofName(index));
    // A state that only such a mark leads to would decide nothing, and there is no place for it in an image.
    if (policy.guards !== false) {
      addGuarded(nondeterministic, rule.match, verdicts.marks.ofGuard(index));
      addGuardedLinks(nondeterministic, guardedLinks, verdicts.marks.ofGuard(index));
    }
    addExceptions(nondeterministic, rule.match, verdicts.marks.ofException(index));
  });
  verdicts.libraries.places.forEach((places, policy) => {
    addLibraries(nondeterministic, places, verdicts.marks.ofLibrary(policy));
  });
  const precedence = yield* NodePruning.inSteps(nondeterministic, ruleSet);
  return { automaton: yield* determinize(nondeterministic, precedence, verdicts, budget), verdicts };
}

function addRule(automaton: NondeterministicAutomaton, bound: BoundRule, index: number): void {
  try {
    addMatch(automaton, bound.rule, index);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new Failure('invalid-argument', `${describe(bound)} ${error.message}`, [
      { field: bound.rule.id, description: error.message },
    ]);
  }
}

function flagsOf({ rules, postures, permissivePostures, profiled, visible = [] }: RuleSet): number {
  const operations = Object.keys({ ...postures, ...permissivePostures }) as Operation[];
  const decided = new Set([
    ...rules.map(({ rule }) => rule.class),
    ...operations.map((operation) => CLASS_OF_OPERATION[operation]),
    // What no rule covers has to be checked too.
    ...(profiled ? POSTURE_CLASSES : visible),
  ]);
  const having = (flag: number, has: (bound: BoundRule) => boolean) => (rules.some(has) ? flag : 0);
  return (
    RULE_CLASSES.filter((ruleClass) => decided.has(ruleClass)).reduce((sum, each) => sum | decidesFlag(each), 0) |
    having(FLAG_HAS_SOURCES, ({ rule }) => rule.sources.length > 0) |
    having(FLAG_HAS_PARENTS, ({ rule }) => rule.class === 'process' && rule.sources.length > 0) |
    having(FLAG_HAS_LIBRARIES, ({ policy }) => policy.loaderLibraries !== undefined) |
    having(FLAG_HAS_TERMINALS, ({ rule }) => rule.terminal === true) |
    having(FLAG_HAS_ARGUMENTS, looksAtArguments) |
    having(FLAG_DECIDES_MAPPINGS, namesMapping) |
    having(FLAG_DECIDES_DRIFT, ({ rule: { match } }) => match.kind === 'preset' && match.preset === 'drift') |
    having(FLAG_REFUSES_ENDPOINTS, (bound) => refusesAddresses(bound, postures)) |
    having(FLAG_HAS_NAMES, namesHost) |
    having(FLAG_OBSERVES_CALLS, observesCalls) |
    having(FLAG_OBSERVES_PATHS, observesPaths) |
    visible.reduce((sum, each) => sum | visibleFlag(each), profiled ? FLAG_PROFILED : 0)
  );
}

/** The name that a program is called by is its first argument. */
function looksAtArguments({ rule: { arguments: allowed, match } }: BoundRule): boolean {
  return allowed !== undefined || (match.kind === 'name' && match.of !== undefined);
}

/** Whether some addresses are refused: blocked by a rule, or not among those that an Allow rule names. */
function refusesAddresses({ policy, rule }: BoundRule, { communicate }: RuleSet['postures']): boolean {
  if (policy.mode === 'audit' || (rule.match.kind !== 'endpoint' && rule.match.kind !== 'domain')) return false;
  return rule.action === 'Block' || (rule.action === 'Allow' && communicate === 'block');
}

function* tooComplex(ruleSet: RuleSet, limits: Limits, exceeded: LimitExceeded): Steps<Failure> {
  const patterns = ruleSet.rules.filter(({ rule }) => rule.match.kind === 'pattern');
  const culprit = yield* findCulprit(patterns, limits);
  if (culprit === undefined) {
    return new Failure(
      'resource-exhausted',
      `${ruleSet.rules.length} rules, ${patterns.length} of them patterns, are together too complex: ` +
        `their automaton takes ${exceeded.message}`,
    );
  }
  const description = `is too complex: its automaton alone takes ${culprit.exceeded.message}`;
  return new Failure('resource-exhausted', `${describe(culprit.bound)} ${description}`, [
    { field: culprit.bound.rule.id, description },
  ]);
}

/**
 * The pattern that passes a limit without the others. The search, from the pattern with the most wildcards on, does no
 * more than twice the work that one image may take, and then gives up.
 */
function* findCulprit(
  patterns: readonly BoundRule[],
  limits: Limits,
): Steps<{ bound: BoundRule; exceeded: LimitExceeded } | undefined> {
  let workLeft = limits.work * 2;
  for (const bound of [...patterns].sort((a, b) => wildcards(b) - wildcards(a))) {
    const work = Math.min(limits.work, workLeft);
    const budget = new Budget({ ...limits, work });
    try {
      yield* buildAutomaton({ rules: [bound], postures: {} }, budget);
    } catch (exceeded) {
      if (!(exceeded instanceof LimitExceeded)) throw exceeded;
      return exceeded.kind === 'work' && work < limits.work ? undefined : { bound, exceeded };
    }
    workLeft -= budget.workSpent;
  }
  return undefined;
}

function wildcards({ rule }: BoundRule): number {
  return rule.match.kind === 'pattern' ? rule.match.pattern.replace(/[^*?[{]/g, '').length : 0;
}

function describe({ policy, rule }: BoundRule): string {
  const pattern = rule.match.kind === 'pattern' ? rule.match.pattern : '';
  return `policy ${policyKey(policy)}, ${rule.id}: the pattern \`${pattern}\``;
}
