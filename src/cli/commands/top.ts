import { type Command, InvalidArgumentError, Option } from 'commander';
import { Result } from '../../client/messages.js';
import { printable } from '../../printable.js';
import { withClient } from '../connection.js';
import { DenialCounts, GROUPINGS, type Grouping } from '../denials.js';
import { withExamples } from '../help.js';
import { columns, type Format, formatOption, print } from '../output.js';
import { terminal } from '../terminal.js';
import { cutTo } from '../text.js';
import { whyUnreachable } from '../unreachable.js';

interface Options {
  readonly by: Grouping[];
  readonly container?: string[];
  readonly namespace?: string[];
  readonly policy?: string[];
  readonly all?: boolean;
  readonly for?: number;
  readonly lines: number;
  readonly output: Format;
}

const REDRAW_MILLISECONDS = 1000;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

export function addTop(program: Command): void {
  withExamples(
    program
      .command('top')
      .description(
        'count denials as they happen, by container, policy and rule; live on a terminal, otherwise once at the end',
      )
      .addOption(
        new Option('--by <what...>', 'what to group by')
          .choices(GROUPINGS)
          .default(['container', 'policy', 'rule'], 'container policy rule'),
      )
      .option('--container <container...>', 'only containers with these names')
      .option('--namespace <namespace...>', 'only containers in these namespaces')
      .option('--policy <policy...>', 'by these policies: name or namespace/name')
      .option('--all', 'also accesses that were only reported')
      .option('--for <seconds>', 'stop after this time (default: when interrupted)', positive)
      .option('--lines <number>', 'maximum number of lines', positive, 20)
      .addOption(formatOption()),
    [
      ['hauberk top', 'what is refused most, live'],
      ['hauberk top --by program object --container web', 'what the programs of one container are refused'],
      ['hauberk top --all --for 60 -o json', 'a minute of everything that is reported, for a program'],
    ],
  ).action(async (options: Options, command: Command) => {
    const { by, output } = options;
    const counts = new DenialCounts(GROUPINGS.filter((grouping) => by.includes(grouping)));
    const isLive = output === 'table' && terminal().outIsTerminal;
    const redraw = isLive ? setInterval(() => draw(counts, options), REDRAW_MILLISECONDS) : undefined;
    try {
      await count(counts, options, command);
    } finally {
      clearInterval(redraw);
    }
    if (isLive) draw(counts, options);
    else
      await print(
        output,
        counts.list().map(({ key, ...rest }) => ({ ...key, ...rest })),
        () => rowsOf(counts, options),
      );
    if (!isLive) for (const note of counts.notes()) terminal().err(`hauberk: ${note}\n`);
  });
}

async function count(counts: DenialCounts, options: Options, command: Command): Promise<void> {
  const ended = new AbortController();
  const end = () => ended.abort();
  const timer = options.for === undefined ? undefined : setTimeout(end, options.for * 1000);
  terminal().interrupted.addEventListener('abort', end);
  const filter = {
    containerNames: options.container ?? [],
    namespaces: options.namespace ?? [],
    policies: options.policy ?? [],
    results: options.all ? [] : [Result.DENIED],
  };
  await withClient(command, async (client, target) => {
    const stream = client.events(filter, {
      signal: ended.signal,
      onOpen: () => terminal().err('hauberk: counting\n'),
      onReconnect: (error, wait) =>
        terminal().err(`hauberk: ${whyUnreachable(error, target) ?? error.message}; trying again in ${wait} ms\n`),
    });
    for await (const { events, missed } of stream) {
      if (missed > 0) counts.miss(missed);
      for (const event of events) counts.add(event);
    }
  }).finally(() => clearTimeout(timer));
}

function draw(counts: DenialCounts, options: Options): void {
  const width = terminal().columns;
  const sum = counts.list().reduce((total, { denied }) => total + denied, 0);
  const lines = columns(rowsOf(counts, options)).trimEnd().split('\n');
  const shown = [`${sum} denials so far; interrupt to end`, '', ...lines, ...counts.notes()];
  terminal().out(`${CLEAR_SCREEN}${shown.map((line) => cutTo(width, line)).join('\n')}\n`);
}

function rowsOf(counts: DenialCounts, { all, lines }: Options): string[][] {
  const passed = (text: string) => (all ? [text] : []);
  return [
    ['DENIED', ...passed('PASSED'), ...counts.by.map((grouping) => grouping.toUpperCase()), 'LAST', 'ACCESS'],
    ...counts
      .list()
      .slice(0, lines)
      .map(({ denied, passed: letThrough, key, last, lastAccess }) => [
        String(denied),
        ...passed(String(letThrough)),
        ...counts.by.map((grouping) => printable(key[grouping]!)),
        last.slice(11, 19),
        printable(lastAccess),
      ]),
  ];
}

function positive(text: string): number {
  const number = Number(text);
  if (number > 0) return number;
  throw new InvalidArgumentError('must be a number greater than 0');
}
