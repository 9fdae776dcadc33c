import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type GetStatusResponse, type HauberkClient, HauberkError } from '../../client/messages.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { withExamples } from '../help.js';
import { type Format, formatOption, print } from '../output.js';
import { statusTable } from '../status-table.js';
import { terminal } from '../terminal.js';
import { type Target, whyUnreachable } from '../unreachable.js';
import { statusView } from '../views.js';

interface Options {
  readonly output: Format;
  readonly wait?: string | true;
}

const DEFAULT_WAIT_SECONDS = 60;
const POLL_MILLISECONDS = 250;

const STATUS_HELP = `
The exit status is 0 if the policies are in force in the kernel, 6 if they are not, and 3 if the daemon does not answer.`;

export function addStatus(program: Command): void {
  withExamples(
    program
      .command('status')
      .description('show whether the policies are in force, and the state of the daemon and its kernel')
      .option('--wait [seconds]', `wait until they are in force, at most this long (default ${DEFAULT_WAIT_SECONDS})`)
      .addOption(formatOption())
      .addHelpText('after', STATUS_HELP),
    [
      ['hauberk status', 'for people'],
      ['hauberk status --wait 120 >/dev/null && deploy', 'deploy once this host enforces'],
    ],
  ).action(async ({ output, wait }: Options, command: Command) => {
    const seconds = secondsOf(wait);
    const answer = await withClient(command, (client, target) =>
      seconds === undefined ? client.host.getStatus() : waitFor(client, target, seconds),
    );
    const status = statusView(answer);
    await print(output, status, () => statusTable(status));
    if (isInForce(answer)) return;
    terminal().err(`hauberk: not in force: ${whyNot(answer)}\n`);
    terminal().exitStatus = EXIT.notInForce;
  });
}

function secondsOf(wait: string | true | undefined): number | undefined {
  if (wait === undefined) return undefined;
  const seconds = wait === true ? DEFAULT_WAIT_SECONDS : Number(wait);
  if (seconds > 0) return seconds;
  throw new CommandFailure(EXIT.usage, `--wait: ${wait} is not a number of seconds`);
}

/** The first status that says the policies are in force, or the last one there was time for. */
async function waitFor(client: HauberkClient, target: Target, seconds: number): Promise<GetStatusResponse> {
  const deadline = performance.now() + seconds * 1000;
  let shown = '';
  const show = (why: string) => {
    if (why !== shown) terminal().err(`hauberk: waiting: ${why}\n`);
    shown = why;
  };
  for (;;) {
    const isLast = performance.now() > deadline;
    try {
      const status = await client.host.getStatus();
      if (isInForce(status) || isLast) return status;
      show(whyNot(status));
    } catch (error) {
      const why = error instanceof HauberkError ? whyUnreachable(error, target) : undefined;
      if (why === undefined || isLast) throw error;
      show(why);
    }
    await sleep(POLL_MILLISECONDS);
  }
}

function isInForce({ enforcing, revision, enforcedRevision }: GetStatusResponse): boolean {
  return enforcing && enforcedRevision >= revision;
}

function whyNot({ enforcing, reason, revision, enforcedRevision }: GetStatusResponse): string {
  if (!enforcing) return reason || 'the daemon does not say why';
  return `the kernel holds revision ${enforcedRevision}, not yet ${revision}`;
}
