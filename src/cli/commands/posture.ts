import type { Command } from 'commander';
import { AccessClass, Action, PolicyOrigin, type Posture } from '../../client/messages.js';
import { POSTURE_CLASSES } from '../../policy/model.js';
import { CLASSES } from '../../rpc/names.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { withExamples } from '../help.js';
import { type ListOptions, show, watchOption } from '../listing.js';
import { listFormatOption } from '../output.js';
import { postureListing } from '../posture-listing.js';
import { terminal } from '../terminal.js';
import { nameOf } from '../views.js';

/** The names of classes in the API, which are shown; those of policies are taken as well. */
const NAMES = POSTURE_CLASSES.map((each) => AccessClass[CLASSES[each]].toLowerCase());
const CLASS_OF_NAME: Readonly<Record<string, AccessClass>> = Object.fromEntries(
  POSTURE_CLASSES.flatMap((each, index) => [NAMES[index]!, each].map((name) => [name, CLASSES[each]])),
);
const ACTIONS: Readonly<Record<string, Action>> = { audit: Action.AUDIT, block: Action.BLOCK };
/** Removes the setting of a class in a namespace. */
const DEFAULT = 'default';

export function addPosture(program: Command): void {
  const posture = withExamples(
    program
      .command('posture')
      .description(
        'what happens to accesses that no rule matches, once an Allow rule of their class reaches the container',
      ),
    [
      ['hauberk posture get', 'every namespace that has postures of its own'],
      ['hauberk posture set shop file=block', 'refuse what no rule allows, for files'],
    ],
  );

  withExamples(
    posture
      .command('get')
      .description('show the postures of namespaces, and the default for all others')
      .argument('[namespace]', 'only this namespace, including what it inherits from the daemon')
      .addOption(listFormatOption())
      .addOption(watchOption()),
    [
      ['hauberk posture get', 'every namespace that has postures of its own'],
      ['hauberk posture get shop -o json', 'what applies in the namespace shop'],
    ],
  ).action(async (namespace: string | undefined, options: ListOptions, command: Command) => {
    await show(command, postureListing(namespace), options);
  });

  withExamples(
    posture
      .command('set')
      .description('set postures of a namespace; classes that are not named stay as they are')
      .argument('<namespace>')
      .argument('<class=action...>', `of ${NAMES.join(', ')}: audit, block, or default`),
    [
      [
        'hauberk posture set shop file=block network=audit',
        'for what no rule allows: refuse it for files, report it for sockets',
      ],
      ['hauberk posture set shop file=default', "go back to the daemon's default posture for files"],
    ],
  ).action(async (namespace: string, texts: string[], _options: object, command: Command) => {
    const wanted = texts.map(readPosture);
    const settings = await withClient(command, async (client) => {
      const { namespaces } = await client.policies.listPostures();
      const own = namespaces.filter(({ origin }) => origin !== PolicyOrigin.KUBERNETES);
      const before = own.find((each) => each.namespace === namespace)?.postures ?? [];
      const postures = merge(before, wanted);
      await client.policies.setPosture({ namespace, postures });
      return postures;
    });
    const text = settings.map((each) => `${className(each)}=${nameOf(Action, each.action).toLowerCase()}`).join(' ');
    terminal().out(`posture of ${namespace}: ${text || "the daemon's own"}\n`);
  });

  withExamples(
    posture
      .command('reset')
      .description("go back to the daemon's default postures in a namespace")
      .argument('<namespace>'),
    [['hauberk posture reset shop', 'as if nothing had ever been set']],
  ).action(async (namespace: string, _options: object, command: Command) => {
    await withClient(command, (client) => client.policies.setPosture({ namespace, postures: [] }));
    terminal().out(`posture of ${namespace}: the daemon's own\n`);
  });
}

interface Wanted {
  readonly class: AccessClass;
  /** Left out to remove the namespace's own setting. */
  readonly action?: Action;
}

function readPosture(text: string): Wanted {
  const [, name = '', value = ''] = /^([^=]*)=(.*)$/su.exec(text.toLowerCase()) ?? [];
  const ofClass = Object.hasOwn(CLASS_OF_NAME, name) ? CLASS_OF_NAME[name] : undefined;
  const action = Object.hasOwn(ACTIONS, value) ? ACTIONS[value] : undefined;
  if (ofClass === undefined || (action === undefined && value !== DEFAULT)) {
    throw new CommandFailure(
      EXIT.usage,
      `${text}: must be CLASS=ACTION, of ${NAMES.join(', ')} and audit, block, default`,
    );
  }
  return { class: ofClass, ...(action !== undefined && { action }) };
}

function merge(before: readonly Posture[], wanted: readonly Wanted[]): Posture[] {
  const merged = new Map(before.map((each) => [each.class, each.action]));
  for (const { class: ofClass, action } of wanted) {
    if (action === undefined) merged.delete(ofClass);
    else merged.set(ofClass, action);
  }
  return [...merged].map(([ofClass, action]) => ({ class: ofClass, action }));
}

function className({ class: ofClass }: Posture): string {
  return nameOf(AccessClass, ofClass).toLowerCase();
}
