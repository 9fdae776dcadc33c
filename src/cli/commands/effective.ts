import { type Command, Option } from 'commander';
import { AccessClass, Action, type Container } from '../../client/index.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { type Format, print } from '../output.js';
import { matchText, nameOf, postureView, ruleView } from '../views.js';

export function addEffective(program: Command): void {
  program
    .command('effective')
    .description('the rules that decide for a container, in the order in which they are asked')
    .argument('<container>', 'its id, the beginning of its id, or its name')
    .addOption(
      new Option('-o, --output <format>', 'table, json or yaml').choices(['table', 'json', 'yaml']).default('table'),
    )
    .action(async (wanted: string, { output }: { output: Format }, command: Command) => {
      const { rules, postures } = await withClient(command, async (client) => {
        const { containers } = await client.containers.listContainers();
        return client.containers.getEffectivePolicy({ containerId: find(wanted, containers).id });
      });
      const value = {
        rules: rules.map(({ policyNamespace, policy, rule }) => ({ policyNamespace, policy, ...ruleView(rule!) })),
        postures: postureView(postures),
      };
      print(output, value, () => [
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

function find(wanted: string, containers: readonly Container[]): Container {
  const exact = containers.find(({ id }) => id === wanted);
  if (exact !== undefined) return exact;
  const matching = containers.filter(({ id, name }) => name === wanted || id.startsWith(wanted));
  if (matching.length === 1) return matching[0]!;
  const problem = matching.length === 0 ? `no container ${wanted}` : `${wanted} could be any of`;
  throw new CommandFailure(EXIT.refused, [problem, ...matching.map(({ id, name }) => `  ${id} ${name}`)].join('\n'));
}
