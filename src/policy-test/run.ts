import { explainRenaming, isRenaming } from '../control/renaming.js';
import { type Explanation, explain } from '../explain/evaluate.js';
import { Failure } from '../failure.js';
import { Direction, type ExplainRequest } from '../generated/hauberk/v1/policy.js';
import { compileInSteps } from '../image/compile.js';
import { followLinks } from '../policy/links.js';
import {
  AUDIT_POSTURES,
  type BoundRule,
  DEFAULT_NAMESPACE,
  type Policy,
  type Postures,
  policyKey,
} from '../policy/model.js';
import { PolicySet, type Subject } from '../policy/policy-set.js';
import { type RuleSet, resolveRules } from '../policy/rule-set.js';
import { toAccess } from '../rpc/explain-message.js';
import { finishInTimeSlices } from '../time-slices.js';
import type { Case, CaseContainer, CaseFile, Expectation, PlacedCase } from './case-file.js';

export interface CaseResult {
  readonly name: string;
  readonly line: number;
  /** What is wrong, a sentence each; empty when the case has passed. */
  readonly problems: readonly string[];
  /** Of the rule that decided, or undefined. */
  readonly decidedBy: string | undefined;
}

/** Decides the cases of a file as a daemon that holds these policies would. */
export async function runCases({ cases, postures }: CaseFile, policies: readonly Policy[]): Promise<CaseResult[]> {
  const set = PolicySet.empty.with(policies);
  const inForce = { ...AUDIT_POSTURES, ...postures };
  const ruleSets = new Map<string, Promise<RuleSet>>();
  const ruleSetOf = (container: CaseContainer) => {
    const key = JSON.stringify(container);
    const known = ruleSets.get(key) ?? compiled(set, container, inForce);
    ruleSets.set(key, known);
    return known;
  };
  const results: CaseResult[] = [];
  for (const each of cases) results.push(await runCase(each, ruleSetOf, inForce));
  return results;
}

/** Names a rule as cases and events do. */
export function ruleName({
  policy,
  rule,
}: Pick<BoundRule, 'policy'> & { readonly rule: { readonly id: string } }): string {
  return `${policyKey(policy)} ${rule.id}`;
}

/** @throws Failure where the kernel could not be given the rules of all policies that reach the container */
async function compiled(policies: PolicySet, container: CaseContainer, postures: Postures): Promise<RuleSet> {
  const rules = followLinks(policies.boundRulesFor(subjectOf(container)), container.links ?? {});
  const ruleSet = resolveRules(rules, postures);
  await finishInTimeSlices(compileInSteps(ruleSet));
  return ruleSet;
}

function subjectOf(container: CaseContainer): Subject {
  const { host = false, namespace = DEFAULT_NAMESPACE, labels = {} } = container;
  return host ? { namespace: '', labels, isHost: true } : { namespace, labels };
}

async function runCase(
  each: PlacedCase,
  ruleSetOf: (container: CaseContainer) => Promise<RuleSet>,
  postures: Postures,
): Promise<CaseResult> {
  const { line, name = titleOf(each) } = each;
  try {
    const access = toAccess(requestFor(each));
    const ruleSet = await ruleSetOf(each.container);
    const explanation = isRenaming(access)
      ? await explainRenaming(ruleSet, postures, access)
      : explain(ruleSet.rules, postures, access);
    return { name, line, problems: problemsOf(explanation, each.expect), decidedBy: deciderOf(explanation) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { name, line, problems: error.message.split('\n'), decidedBy: undefined };
  }
}

function requestFor({ container, socket, ...access }: Case): ExplainRequest {
  const { program = '', parentProgram = '', operation, object = '', newPath = '', filesystem = '' } = access;
  const direction =
    socket?.direction === undefined ? 'UNSPECIFIED' : socket.direction === 'egress' ? 'EGRESS' : 'INGRESS';
  return {
    subject: { $case: 'containerId', value: JSON.stringify(container) },
    ...{ program, parentProgram, operation, object, newPath, filesystem },
    notOwner: access.notOwner ?? false,
    terminal: access.terminal ?? false,
    arguments: [...(access.arguments ?? [])],
    socket: socket && {
      ...{ family: '', type: '', protocol: 0, port: 0, address: '', name: '' },
      ...socket,
      direction: Direction[direction],
    },
  };
}

const POSTURE = 'posture';
const NOTHING = 'nothing';

function deciderOf({ decider }: Explanation): string {
  if (decider === undefined) return NOTHING;
  return 'postureOf' in decider ? POSTURE : ruleName(decider);
}

function problemsOf(explanation: Explanation, { action, rule, wouldBlock }: Expectation): string[] {
  const decided = explanation.action.toLowerCase();
  const by = deciderOf(explanation);
  const wrong = [
    ...(decided === action ? [] : [`expected ${action}, but it is ${decided}, by ${by}`]),
    ...(rule === undefined || isNamed(rule, by) ? [] : [`expected ${rule} to decide, but ${by} does`]),
    ...(wouldBlock === undefined || wouldBlock === explanation.wouldBlock
      ? []
      : [`expected that it would ${wouldBlock ? '' : 'not '}be refused without audit mode`]),
  ];
  if (wrong.length === 0) return wrong;
  return [...wrong, ...explanation.losers.map((loser) => `not by ${ruleName(loser.rule)}: ${loser.reason}`)];
}

/** A rule may be named whole, or by its policy alone. */
function isNamed(expected: string, actual: string): boolean {
  return expected === actual || (!expected.includes(' ') && actual.startsWith(`${expected} `));
}

function titleOf({ container, program, operation, object = '', expect }: Case): string {
  const who = container.host ? 'host' : Object.values(container.labels ?? {}).join(',') || 'a container';
  return [who, program, operation, object, expect.action].filter((part) => part !== undefined && part !== '').join(' ');
}
