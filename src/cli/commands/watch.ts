import type { Command } from 'commander';
import { withClient } from '../connection.js';
import { addEventOptions, type EventOptions, filterOf, note, show } from '../event-options.js';

export function addWatch(program: Command): void {
  addEventOptions(program.command('watch').description('show what is denied or reported, live')).action(
    async (options: EventOptions, command: Command) => {
      const interrupted = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
      await withClient(command, async (client) => {
        const stream = client.events(filterOf(options), {
          signal: interrupted.signal,
          onOpen: () => note('watching'),
          onReconnect: ({ message }, wait) => note(`the connection is lost (${message}); again in ${wait} ms`),
        });
        for await (const received of stream) show(received, options.output);
      });
    },
  );
}
