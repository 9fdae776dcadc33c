import type { Command } from 'commander';
import { VERSION } from '../../version.js';
import { withClient } from '../connection.js';
import { withExamples } from '../help.js';
import { type Format, formatOption, print } from '../output.js';

interface Options {
  readonly client?: boolean;
  readonly output: Format;
}

export function addVersion(program: Command): void {
  withExamples(
    program
      .command('version')
      .description('show the versions of this command, of the daemon and of its kernel')
      .option('--client', 'only of this command; needs no daemon')
      .addOption(formatOption()),
    [
      ['hauberk version', 'both, for a report'],
      ['hauberk version --client -o json', 'without a daemon, for a script'],
    ],
  ).action(async ({ client: clientOnly, output }: Options, command: Command) => {
    const own = { client: { version: VERSION, node: process.versions.node } };
    if (clientOnly) return show(own, output);
    let failure: unknown;
    const server = await withClient(command, (client) => client.host.getStatus()).catch((error) => {
      failure = error;
      return undefined;
    });
    // What is known is printed in any case.
    await show(
      server === undefined ? own : { ...own, server: { version: server.version, kernel: server.kernelRelease } },
      output,
    );
    if (failure !== undefined) throw failure;
  });
}

interface Versions {
  readonly client: { readonly version: string; readonly node: string };
  readonly server?: { readonly version: string; readonly kernel: string };
}

async function show(versions: Versions, output: Format): Promise<void> {
  await print(output, versions, () =>
    Object.entries(versions).map(([side, { version, ...on }]) => [
      side,
      version,
      Object.entries(on as Record<string, string>)
        .flat()
        .join(' '),
    ]),
  );
}
