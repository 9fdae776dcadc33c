import type { Command } from 'commander';
import { withClient } from '../connection.js';
import { addEventOptions, type EventOptions, filterOf, note, show } from '../event-options.js';
import { withExamples } from '../help.js';
import { terminal } from '../terminal.js';
import { whyUnreachable } from '../unreachable.js';

export function addWatch(program: Command): void {
  withExamples(addEventOptions(program.command('watch').description('show what is denied or reported, live')), [
    ['hauberk watch', 'everything, live'],
    ['hauberk watch --container web --result denied', 'what one container is refused'],
    ['hauberk watch -o json | jq .object', 'for a program'],
  ]).action(async (options: EventOptions, command: Command) => {
    await withClient(command, async (client, target) => {
      const stream = client.events(filterOf(options), {
        signal: terminal().interrupted,
        onOpen: () => note('watching'),
        onReconnect: (error, wait) => note(`${whyUnreachable(error, target) ?? error.message}; again in ${wait} ms`),
      });
      for await (const received of stream) show(received, options.output);
    });
  });
}
