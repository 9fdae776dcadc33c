import type { Command } from 'commander';
import type { RegisterContainerRequest } from '../../client/messages.js';
import { readLabels } from '../../policy/labels.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { findContainer } from '../find-container.js';
import { withExamples } from '../help.js';
import { terminal } from '../terminal.js';

interface RegisterOptions {
  readonly pid?: string;
  readonly namespaces?: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: string;
}

export function addContainer(program: Command): void {
  const container = program
    .command('container')
    .description('containers that no runtime tells of: have them protected, and let them go');

  withExamples(
    container
      .command('register')
      .description('have the policies of its namespace and labels decide for a container')
      .argument('<id>', 'a name of your choice that no other container has')
      .option('--pid <pid>', 'a process of it, as the host numbers it')
      .option('--namespaces <pid:mnt>', 'instead: the inodes of its pid and its mount namespace')
      .option('--name <name>', 'how events and tables call it; the id when left out', '')
      .option('-n, --namespace <namespace>', 'whose policies are to reach it', 'default')
      .option('--labels <labels>', 'that selectors see, as KEY=VALUE,…', ''),
    [
      ['hauberk container register build-1 --pid 4711 --labels app=build', 'a sandbox whose first process is 4711'],
      ['hauberk container register build-1 --namespaces 4026532281:4026532280', 'the same by its namespaces'],
    ],
  ).action(async (id: string, { labels, name, namespace, ...options }: RegisterOptions, command: Command) => {
    const request = { id, name, namespace, labels: readLabels(labels), identity: identityOf(options) };
    const { container: registered, changed } = await withClient(command, (client) =>
      client.containers.registerContainer(request),
    );
    const { policies } = registered!;
    const by = policies.length === 0 ? 'no policy reaches it' : `policies: ${policies.join(', ')}`;
    terminal().out(`container ${id} ${changed ? 'registered' : 'unchanged'}, ${by}\n`);
  });

  withExamples(
    container
      .command('unregister')
      .description('let go of containers that were registered; their policies end with it')
      .argument('<container...>', 'an id, the beginning of one, or a name'),
    [['hauberk container unregister build-1', 'when the sandbox is gone, or is not to be protected any more']],
  ).action(async (wanted: string[], _options: object, command: Command) => {
    await withClient(command, async (client) => {
      for (const each of wanted) {
        const id = await findContainer(each, client);
        await client.containers.unregisterContainer({ id });
        terminal().out(`container ${id} unregistered\n`);
      }
    });
  });
}

function identityOf({
  pid,
  namespaces,
}: Pick<RegisterOptions, 'pid' | 'namespaces'>): RegisterContainerRequest['identity'] {
  if ((pid === undefined) === (namespaces === undefined))
    throw new CommandFailure(EXIT.usage, 'say which one it is by either --pid or --namespaces');
  if (pid !== undefined) return { $case: 'pid', value: wholeNumber('--pid', pid) };
  const [first = '', second = ''] = namespaces!.split(/:(.*)/su);
  const value = {
    pidNamespace: wholeNumber('--namespaces', first),
    mountNamespace: wholeNumber('--namespaces', second),
  };
  return { $case: 'namespaces', value };
}

function wholeNumber(flag: string, text: string): number {
  const number = Number(text);
  // As the API has them.
  if (/^\d+$/u.test(text) && number > 0 && number < 2 ** 32) return number;
  throw new CommandFailure(EXIT.usage, `${flag}: ${text === '' ? 'a number is missing' : `${text} is no such number`}`);
}
