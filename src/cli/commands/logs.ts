import type { Command } from 'commander';
import { withClient } from '../connection.js';
import { addEventOptions, type EventOptions, filterOf, note, show } from '../event-options.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { withExamples } from '../help.js';
import { terminal } from '../terminal.js';

interface Options extends EventOptions {
  readonly since?: string;
  readonly follow?: boolean;
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

export function addLogs(program: Command): void {
  withExamples(
    addEventOptions(
      program
        .command('logs')
        .description("show what was denied or reported, from the daemon's journal")
        .option('--since <time>', 'only newer than this: a duration such as 90s, 15m, 1h, 7d or 2w, or a date')
        .option('-f, --follow', 'keep printing new events'),
    ),
    [
      ['hauberk logs --since 1h', 'the last hour'],
      ['hauberk logs -f --container web', 'of one container, and what comes'],
    ],
  ).action(async (options: Options, command: Command) => {
    const since = options.since === undefined ? undefined : timeOf(options.since, Date.now());
    await withClient(command, async (client) => {
      const filter = {
        ...filterOf(options),
        // Without a time, all stored events.
        since: { seconds: BigInt(Math.floor((since ?? 0) / 1000)), nanos: ((since ?? 0) % 1000) * 1_000_000 },
        storedOnly: options.follow !== true,
      };
      const stream = client.events(filter, {
        signal: terminal().interrupted,
        onReconnect: ({ message }, wait) => note(`the connection was lost (${message}); trying again in ${wait} ms`),
        ...(options.follow !== true && { reconnects: false }),
      });
      for await (const received of stream) show(received, options.output);
    });
  });
}

/** The time that a text means, in milliseconds since the Unix epoch. @throws CommandFailure if it means none */
export function timeOf(text: string, now: number): number {
  const [, count, unit] = /^(\d{1,9})([smhdw])$/u.exec(text) ?? [];
  // Date.parse also takes a number for a year or a month.
  const date = /^\d{4}-\d\d-\d\d/u.test(text) ? Date.parse(text) : Number.NaN;
  const time = count === undefined ? date : now - Number(count) * SECONDS[unit!]! * 1000;
  if (Number.isNaN(time))
    throw new CommandFailure(EXIT.usage, `--since: ${text} is neither a duration, such as 1h, nor a date`);
  return Math.max(0, time);
}
