import type { Command } from 'commander';
import type { HauberkClient, Profile } from '../../client/index.js';
import { readLabels } from '../../policy/labels.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { findContainer } from '../find-container.js';
import { type Format, formatOption, print, say, warn } from '../output.js';
import { accessView, profileView } from '../views.js';

interface StartOptions {
  readonly container?: string;
  readonly labels?: string;
  readonly namespace: string;
}

interface SuggestOptions {
  readonly policy: string;
  readonly namespace: string;
  readonly labels?: string;
}

export function addProfile(program: Command): void {
  const profile = program
    .command('profile')
    .description('learn what containers do, and have the least policy suggested that allows it');

  profile
    .command('start')
    .description('begin to learn; nothing is refused')
    .argument('<name>')
    .option('-c, --container <container>', 'its id, the beginning of its id, or its name')
    .option('--labels <labels>', 'of containers, as KEY=VALUE,…; also of those that come later')
    .option('-n, --namespace <namespace>', 'theirs', 'default')
    .action(async (name: string, options: StartOptions, command: Command) => {
      await withClient(command, async (client) => {
        await client.profiles.startProfile({ name, subject: await subjectOf(options, client) });
      });
      say(`profile ${name} started`);
    });

  profile
    .command('stop')
    .description('end a profile; what it has learnt is kept')
    .argument('<name>')
    .action(async (name: string, _options: object, command: Command) => {
      await withClient(command, (client) => client.profiles.stopProfile({ name }));
      say(`profile ${name} stopped`);
    });

  profile
    .command('delete')
    .description('delete profiles and all that they have learnt')
    .argument('<name...>')
    .action(async (names: string[], _options: object, command: Command) => {
      await withClient(command, async (client) => {
        for (const name of names) {
          await client.profiles.deleteProfile({ name });
          say(`profile ${name} deleted`);
        }
      });
    });

  profile
    .command('list')
    .description('the profiles')
    .addOption(formatOption())
    .action(async ({ output: format }: { output: Format }, command: Command) => {
      const { profiles } = await withClient(command, (client) => client.profiles.listProfiles());
      await print(format, profiles.map(profileView), () => [
        ['NAME', 'STARTED', 'STOPPED', 'OF'],
        ...profiles.map(rowOf),
      ]);
    });

  profile
    .command('get')
    .description('what a profile has learnt so far')
    .argument('<name>')
    .addOption(formatOption())
    .action(async (name: string, { output: format }: { output: Format }, command: Command) => {
      const { containers, omitted } = await withClient(command, (client) => client.profiles.getProfile({ name }));
      const views = containers.map((container) => ({ ...container, accesses: container.accesses.map(accessView) }));
      await print(format, views, () => [
        ['CONTAINER', 'COUNT', 'CLASS', 'OPERATIONS', 'OBJECT', 'PROGRAM'],
        ...views.flatMap(({ name: container, accesses }) =>
          accesses.map(({ count, class: of, operations, object, program, fromOutside }) => [
            container,
            String(count),
            of.toLowerCase(),
            operations.join(','),
            object,
            fromOutside ? '(from outside)' : program,
          ]),
        ),
      ]);
      if (omitted > 0n) warn(`and ${omitted} more`);
    });

  profile
    .command('suggest')
    .description('print the least policy that allows what a profile has learnt, for hauberk apply')
    .argument('<name>')
    .option('--policy <name>', "name of the policy; the profile's when left out", '')
    .option('-n, --namespace <namespace>', 'of the policy', '')
    .option('--labels <labels>', 'whom it is to reach, as KEY=VALUE,…')
    .action(async (name: string, { policy, namespace, labels }: SuggestOptions, command: Command) => {
      const suggestion = await withClient(command, (client) =>
        client.profiles.suggestPolicy({
          name,
          policyName: policy,
          policyNamespace: namespace,
          matchLabels: labels === undefined ? {} : readLabels(labels),
        }),
      );
      process.stdout.write(suggestion.manifest);
      for (const warning of suggestion.warnings) warn(`warning: ${warning}`);
    });
}

async function subjectOf({ container, labels, namespace }: StartOptions, client: HauberkClient) {
  if ((container === undefined) === (labels === undefined)) {
    throw new CommandFailure(EXIT.usage, 'name either a container or labels');
  }
  if (container !== undefined) return { $case: 'containerId', value: await findContainer(container, client) } as const;
  return { $case: 'selector', value: { namespace, matchLabels: readLabels(labels!) } } as const;
}

function rowOf(profile: Profile): string[] {
  const { name, started, stopped, of } = profileView(profile);
  return [name, started, stopped || '(running)', of];
}
