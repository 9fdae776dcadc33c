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
  const container = withExamples(
    program.command('container').description('register and unregister containers that no runtime reports'),
    [
      ['hauberk container register build-1 --pid 4711 --labels app=build', 'a sandbox whose first process is 4711'],
      ['hauberk container unregister build-1', 'when it has ended'],
    ],
  );

  withExamples(
    container
      .command('register')
      .description('put a container under the policies of its namespace and labels')
      .argument('<id>', 'an id of your choice that no other container has')
      .option('--pid <pid>', 'process id, on the host, of one of its processes')
      .option('--namespaces <pid:mnt>', 'instead of --pid: the inodes of its pid and mount namespaces')
      .option('--name <name>', 'its name in events and tables (default: the id)', '')
      .option('-n, --namespace <namespace>', 'whose policies apply to it', 'default')
      .option('--labels <labels>', 'its labels, which selectors match, as KEY=VALUE,…', ''),
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
      .description('remove registered containers; policies no longer apply to them')
      .argument('<container...>', 'an id, a prefix of one, or a name'),
    [['hauberk container unregister build-1', 'when the sandbox has ended, or should no longer be protected']],
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
  throw new CommandFailure(
    EXIT.usage,
    `${flag}: ${text === '' ? 'a number is missing' : `${text} is not such a number`}`,
  );
}
