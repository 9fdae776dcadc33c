import type { Command } from 'commander';
import { AccessClass, Action } from '../../client/index.js';
import { withClient } from '../connection.js';
import { findContainer } from '../find-container.js';
import { withExamples } from '../help.js';
import { type Format, formatOption, print } from '../output.js';
import { matchText, nameOf, postureView, ruleView } from '../views.js';

export function addEffective(program: Command): void {
  withExamples(
    program
      .command('effective')
      .description('the rules that decide for a container, in the order in which they are asked')
      .argument('<container>', 'its id, the beginning of its id, its name, or host')
      .addOption(formatOption()),
    [
      ['hauberk effective web', 'by the name of a container'],
      ['hauberk effective host', 'of the host itself'],
    ],
  ).action(async (wanted: string, { output }: { output: Format }, command: Command) => {
    const { rules, postures } = await withClient(command, async (client) => {
      return client.containers.getEffectivePolicy({ containerId: await findContainer(wanted, client) });
    });
    const value = {
      rules: rules.map(({ policyNamespace, policy, rule }) => ({ policyNamespace, policy, ...ruleView(rule!) })),
      postures: postureView(postures),
    };
    await print(output, value, () => [
      ['CLASS', 'ACTION', 'MATCH', 'FROM', 'POLICY', 'RULE'],
      ...rules.map(({ policyNamespace, policy, rule }) => [
        nameOf(AccessClass, rule!.class).toLowerCase(),
        nameOf(Action, rule!.action).toLowerCase() +
          (rule!.readOnly ? ' read-only' : '') +
          (rule!.ownerOnly ? ' owner' : ''),
        matchText(rule!),
        rule!.fromSource.join(',') || '-',
        `${policyNamespace}/${policy}`,
        rule!.id,
      ]),
      ...postures.map((posture) => [
        nameOf(AccessClass, posture.class).toLowerCase(),
        nameOf(Action, posture.action).toLowerCase(),
        '(anything else)',
        '-',
        'DefaultPosture',
        '',
      ]),
    ]);
  });
}
