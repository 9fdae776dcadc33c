import type { Command } from 'commander';
import { withClient } from '../connection.js';
import { addEventOptions, type EventOptions, filterOf, note, show } from '../event-options.js';
import { withExamples } from '../help.js';
import { terminal } from '../terminal.js';
import { whyUnreachable } from '../unreachable.js';

interface Options extends EventOptions {
  readonly telemetry?: boolean;
}

export function addWatch(program: Command): void {
  const watch = program
    .command('watch')
    .description('show what is denied or reported, live')
    .option('--telemetry', 'also what visible containers are allowed to do: see hauberk visibility');
  withExamples(addEventOptions(watch), [
    ['hauberk watch', 'everything, live'],
    ['hauberk watch --container web --result denied', 'what one container is refused'],
    ['hauberk watch --telemetry --action allow', 'only what is allowed'],
    ['hauberk watch -o json | jq .object', 'for a program'],
  ]).action(async (options: Options, command: Command) => {
    const filter = { ...filterOf(options), includeTelemetry: options.telemetry === true };
    await withClient(command, async (client, target) => {
      const stream = client.events(filter, {
        signal: terminal().interrupted,
        onOpen: () => note('watching'),
        onReconnect: (error, wait) =>
          note(`${whyUnreachable(error, target) ?? error.message}; trying again in ${wait} ms`),
      });
      for await (const received of stream) show(received, options.output);
    });
  });
}
