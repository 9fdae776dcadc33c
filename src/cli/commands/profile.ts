import type { Command } from 'commander';
import type { HauberkClient, Profile } from '../../client/messages.js';
import { readLabels } from '../../policy/labels.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { findContainer } from '../find-container.js';
import { withExamples } from '../help.js';
import { type Listing, type ListOptions, show, watchOption } from '../listing.js';
import { type Format, formatOption, listFormatOption, print } from '../output.js';
import { terminal } from '../terminal.js';
import { accessView, profileView } from '../views.js';
import { waitingFor } from '../waiting.js';

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

const PROFILES: Listing<Profile> = {
  list: async (client) => (await client.profiles.listProfiles()).profiles,
  name: ({ name }) => name,
  view: profileView,
  headings: ['NAME', 'STARTED', 'STOPPED', 'OF'],
  cells: (profile) => {
    const { name, started, stopped, of } = profileView(profile);
    return [name, started, stopped || '(running)', of];
  },
  wideHeadings: [],
  wideCells: () => [],
};

export function addProfile(program: Command): void {
  const profile = withExamples(
    program
      .command('profile')
      .description('learn what containers do, and suggest the least-privilege policy that allows it'),
    [
      ['hauberk profile start web --container web', 'then use everything that should be allowed'],
      ['hauberk profile stop web', 'what was learnt is kept'],
      ['hauberk profile suggest web >web.yaml', 'to be read, and applied'],
    ],
  );

  withExamples(
    profile
      .command('start')
      .description('start learning; nothing is refused')
      .argument('<name>')
      .option('-c, --container <container>', 'its id, a prefix of its id, or its name')
      .option('--labels <labels>', 'learn from containers with these labels, as KEY=VALUE,…; including later ones')
      .option('-n, --namespace <namespace>', 'namespace of containers with these labels', 'default'),
    [
      ['hauberk profile start web --container web', 'of one container'],
      ['hauberk profile start web --labels app=web -n shop', 'from all with these labels, including later ones'],
    ],
  ).action(async (name: string, options: StartOptions, command: Command) => {
    await withClient(command, async (client) => {
      await client.profiles.startProfile({ name, subject: await subjectOf(options, client) });
    });
    terminal().out(`profile ${name} started\n`);
  });

  withExamples(profile.command('stop').description('stop learning; what was learnt is kept').argument('<profile>'), [
    ['hauberk profile stop web', 'once everything that should be allowed has been used'],
  ]).action(async (name: string, _options: object, command: Command) => {
    await withClient(command, (client) => client.profiles.stopProfile({ name }));
    terminal().out(`profile ${name} stopped\n`);
  });

  withExamples(
    profile.command('delete').description('delete profiles with all that they learnt').argument('<profile...>'),
    [['hauberk profile delete web', 'what it has learnt is lost']],
  ).action(async (names: string[], _options: object, command: Command) => {
    await withClient(command, async (client) => {
      for (const name of names) {
        await client.profiles.deleteProfile({ name });
        terminal().out(`profile ${name} deleted\n`);
      }
    });
  });

  withExamples(
    profile.command('list').description('the profiles').addOption(listFormatOption()).addOption(watchOption()),
    [
      ['hauberk profile list', 'those that run and those that have ended'],
      ['hauberk profile list -o name', 'only names, for a script'],
    ],
  ).action(async (options: ListOptions, command: Command) => {
    await show(command, PROFILES, options);
  });

  withExamples(
    profile
      .command('get')
      .description('show what a profile has learnt so far')
      .argument('<profile>')
      .addOption(formatOption()),
    [['hauberk profile get web', 'the most frequent accesses first']],
  ).action(async (name: string, { output: format }: { output: Format }, command: Command) => {
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
    if (omitted > 0n) terminal().err(`and ${omitted} more\n`);
  });

  withExamples(
    profile
      .command('suggest')
      .description('print the least-privilege policy that allows what a profile learnt, for hauberk apply')
      .argument('<profile>')
      .option('--policy <name>', "name of the policy; the profile's when left out", '')
      .option('-n, --namespace <namespace>', 'of the policy', '')
      .option('--labels <labels>', 'labels that it selects, as KEY=VALUE,…'),
    [['hauberk profile suggest web >web.yaml', 'to be read, and applied']],
  ).action(async (name: string, { policy, namespace, labels }: SuggestOptions, command: Command) => {
    const suggestion = await withClient(command, (client) =>
      waitingFor(
        'suggesting',
        client.profiles.suggestPolicy({
          name,
          policyName: policy,
          policyNamespace: namespace,
          matchLabels: labels === undefined ? {} : readLabels(labels),
        }),
      ),
    );
    terminal().out(suggestion.manifest);
    for (const warning of suggestion.warnings) terminal().err(`warning: ${warning}\n`);
  });
}

async function subjectOf({ container, labels, namespace }: StartOptions, client: HauberkClient) {
  if ((container === undefined) === (labels === undefined)) {
    throw new CommandFailure(EXIT.usage, 'name either a container or labels');
  }
  if (container !== undefined) return { $case: 'containerId', value: await findContainer(container, client) } as const;
  return { $case: 'selector', value: { namespace, matchLabels: readLabels(labels!) } } as const;
}
