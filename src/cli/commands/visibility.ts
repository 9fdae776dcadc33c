import type { Command } from 'commander';
import { AccessClass, type Visibility } from '../../client/messages.js';
import { labelsText, readLabels } from '../../policy/labels.js';
import { readVisibility, VISIBILITY_CHOICE } from '../../policy/visibility.js';
import { CLASSES } from '../../rpc/names.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { findContainer } from '../find-container.js';
import { withExamples } from '../help.js';
import { type Listing, type ListOptions, show, watchOption } from '../listing.js';
import { listFormatOption } from '../output.js';
import { terminal } from '../terminal.js';
import { nameOf, originText } from '../views.js';

interface ScopeOptions {
  readonly labels?: string;
}

/** What is said, or of one container what holds. */
interface VisibilityView {
  readonly of: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly classes: readonly string[];
  readonly origin: string;
}

export function addVisibility(program: Command): void {
  const visibility = withExamples(
    program
      .command('visibility')
      .description('choose whose allowed accesses are reported, in hauberk watch --telemetry and to KubeArmor clients'),
    [
      ['hauberk visibility set shop process,network', 'programs that are run, and sockets'],
      ['hauberk visibility get', 'all settings, and the default for everything else'],
    ],
  );

  withExamples(
    visibility
      .command('get')
      .description('show the settings of namespaces and containers')
      .argument('[container]', 'what applies to one: its id, a prefix of its id, or its name')
      .addOption(listFormatOption())
      .addOption(watchOption()),
    [
      ['hauberk visibility get', 'all settings, and the default for everything else'],
      ['hauberk visibility get web', 'what is reported about the container web'],
    ],
  ).action(async (container: string | undefined, options: ListOptions, command: Command) => {
    await show(command, listingOf(container), options);
  });

  withExamples(
    withLabels(
      visibility
        .command('set')
        .description('set the visibility of a namespace, or of its containers with certain labels')
        .argument('<namespace>')
        .argument('<classes>', VISIBILITY_CHOICE),
    ),
    [
      ['hauberk visibility set shop process,network', 'programs that are run, and sockets'],
      ['hauberk visibility set shop file --labels app=web', 'files, of containers with this label'],
      ['hauberk visibility set shop none', 'nothing, whatever annotations say'],
    ],
  ).action(async (namespace: string, text: string, options: ScopeOptions, command: Command) => {
    const classes = readVisibility(text);
    if (classes === undefined) throw new CommandFailure(EXIT.usage, `${text}: must be ${VISIBILITY_CHOICE}`);
    const matchLabels = readLabels(options.labels ?? '');
    await withClient(command, (client) =>
      client.telemetry.setVisibility({ namespace, matchLabels, classes: classes.map((each) => CLASSES[each]) }),
    );
    terminal().out(`visibility of ${scopeText(namespace, matchLabels)}: ${classes.join(', ') || 'none'}\n`);
  });

  withExamples(withLabels(visibility.command('reset').description('remove a setting').argument('<namespace>')), [
    ['hauberk visibility reset shop', 'as if nothing had been set'],
  ]).action(async (namespace: string, options: ScopeOptions, command: Command) => {
    const matchLabels = readLabels(options.labels ?? '');
    await withClient(command, (client) => client.telemetry.setVisibility({ namespace, matchLabels, reset: true }));
    terminal().out(`visibility of ${scopeText(namespace, matchLabels)}: not set\n`);
  });
}

function withLabels(command: Command): Command {
  return command.option('--labels <labels>', 'only for containers with these labels, as KEY=VALUE,…');
}

function listingOf(container: string | undefined): Listing<VisibilityView> {
  return {
    list: async (client) => {
      if (container !== undefined) {
        const containerId = await findContainer(container, client);
        const { effective } = await client.telemetry.getVisibility({ containerId });
        return [{ of: container, labels: {}, classes: namesOf(effective), origin: '' }];
      }
      const { defaults, settings } = await client.telemetry.getVisibility();
      return [{ of: '(every other)', labels: {}, classes: namesOf(defaults), origin: '' }, ...settings.map(viewOf)];
    },
    name: ({ of, labels, origin }) => `${origin}:${scopeText(of, labels)}`,
    view: (row) => row,
    headings: ['OF', 'LABELS', 'TOLD', 'SAID BY'],
    cells: ({ of, labels, classes, origin }) => [of, labelsText(labels), classes.join(',') || 'none', origin],
    wideHeadings: [],
    wideCells: () => [],
  };
}

function viewOf({ namespace, matchLabels, classes, origin }: Visibility): VisibilityView {
  return { of: namespace, labels: matchLabels, classes: namesOf(classes), origin: originText(origin) };
}

function namesOf(classes: readonly AccessClass[]): string[] {
  return classes.map((each) => nameOf(AccessClass, each).toLowerCase());
}

function scopeText(namespace: string, labels: Readonly<Record<string, string>>): string {
  const text = labelsText(labels);
  return text === '' ? namespace : `${namespace} ${text}`;
}
