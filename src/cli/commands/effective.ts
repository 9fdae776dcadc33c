import type { Command } from 'commander';
import {
  AccessClass,
  Action,
  type EffectiveRule,
  Mode,
  PolicyOrigin,
  type Posture,
  Scope,
} from '../../client/messages.js';
import { withClient } from '../connection.js';
import { findContainer } from '../find-container.js';
import { withExamples } from '../help.js';
import { type Format, formatOption, print } from '../output.js';
import { keyOf } from '../policy-key.js';
import { matchText, modeText, nameOf, postureView, ruleView } from '../views.js';

export function addEffective(program: Command): void {
  withExamples(
    program
      .command('effective')
      .description('show the rules that decide for a container, in the order in which they are evaluated')
      .argument('<container>', 'its id, a prefix of its id, its name, or host')
      .addOption(formatOption()),
    [
      ['hauberk effective web', 'by the name of a container'],
      ['hauberk effective host', 'of the host itself'],
    ],
  ).action(async (wanted: string, { output }: { output: Format }, command: Command) => {
    const { rules, postures, permissivePostures } = await withClient(command, async (client) => {
      return client.containers.getEffectivePolicy({ containerId: await findContainer(wanted, client) });
    });
    const value = {
      rules: rules.map(({ rule, mode, scope, origin, ...of }) => ({
        ...of,
        origin: nameOf(PolicyOrigin, origin || PolicyOrigin.RPC),
        mode: nameOf(Mode, mode),
        scope: nameOf(Scope, scope),
        ...ruleView(rule!),
      })),
      postures: postureView(postures),
      permissivePostures: postureView(permissivePostures),
    };
    await print(output, value, () => [
      ['CLASS', 'ACTION', 'MATCH', 'FROM', 'POLICY', 'RULE', ...(rules.some(isSpecial) ? SPECIAL_COLUMNS : [])],
      ...rules.map((effective) => [
        nameOf(AccessClass, effective.rule!.class).toLowerCase(),
        ruleActionText(effective),
        matchText(effective.rule!),
        effective.rule!.fromSource.join(',') || '-',
        keyOf({ ...effective, namespace: effective.policyNamespace, name: effective.policy }),
        effective.rule!.id,
        ...(rules.some(isSpecial) ? specialCells(effective) : []),
      ]),
      ...postures.map((posture) => postureCells(posture, Mode.ENFORCE)),
      ...permissivePostures.map((posture) => postureCells(posture, Mode.PERMISSIVE)),
    ]);
  });
}

const SPECIAL_COLUMNS = ['MODE', 'SCOPE', 'PRIORITY'];

function specialCells({ mode, scope, priority }: EffectiveRule): string[] {
  return [modeText(mode), nameOf(Scope, scope).toLowerCase(), String(priority)];
}

/** Whether a rule's policy is not simply an enforced policy of a namespace without a priority. */
function isSpecial({ mode, scope, priority }: EffectiveRule): boolean {
  return mode === Mode.PERMISSIVE || scope !== Scope.NAMESPACE || priority !== 0;
}

function postureCells({ class: ofClass, action }: Posture, mode: Mode): string[] {
  const ruleClass = nameOf(AccessClass, ofClass).toLowerCase();
  return [ruleClass, actionText(action, mode), '(anything else)', '-', 'DefaultPosture', ''];
}

/** The action: a policy in audit mode refuses nothing. */
function actionText(action: Action, mode: Mode): string {
  return mode === Mode.PERMISSIVE && action === Action.BLOCK
    ? 'audit (would block)'
    : nameOf(Action, action).toLowerCase();
}

/** The action of a rule and what limits it, in the words of manifests where they are words of their own. */
function ruleActionText({ rule, mode }: EffectiveRule): string {
  const { action, readOnly, ownerOnly, terminal, operations, allowedArguments } = rule!;
  return [
    actionText(action, mode),
    ...(readOnly ? ['read-only'] : []),
    ...(operations.length > 0 ? [operations.join(',')] : []),
    ...(ownerOnly ? ['owner'] : []),
    ...(terminal ? ['on a terminal'] : []),
    ...(allowedArguments === undefined ? [] : [argumentsText(allowedArguments.arguments)]),
  ].join(' ');
}

function argumentsText(allowed: readonly string[]): string {
  return `unless ${allowed.length === 0 ? 'without arguments' : `arguments are ${allowed.join(',')}`}`;
}
