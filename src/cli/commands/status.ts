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
const ASK_AGAIN_MILLISECONDS = 250;

const STATUS_HELP = `
The exit status is 0 when the policies are in force in the kernel, 6 when they are not and 3 when nobody answers.`;

export function addStatus(program: Command): void {
  withExamples(
    program
      .command('status')
      .description('whether the policies are in force, and how the daemon and its kernel are')
      .option(
        '--wait [seconds]',
        `until they are in force, for so long at most (${DEFAULT_WAIT_SECONDS} when left out)`,
      )
      .addOption(formatOption())
      .addHelpText('after', STATUS_HELP),
    [
      ['hauberk status', 'for people'],
      ['hauberk status --wait 120 >/dev/null && deploy', 'go on once this host enforces'],
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
  throw new CommandFailure(EXIT.usage, `--wait: ${wait} is no number of seconds`);
}

/** The first status that says the policies are in force, or the last one there was time for. */
async function waitFor(client: HauberkClient, target: Target, seconds: number): Promise<GetStatusResponse> {
  const deadline = performance.now() + seconds * 1000;
  let told = '';
  const tell = (why: string) => {
    if (why !== told) terminal().err(`hauberk: waiting: ${why}\n`);
    told = why;
  };
  for (;;) {
    const isLast = performance.now() > deadline;
    try {
      const status = await client.host.getStatus();
      if (isInForce(status) || isLast) return status;
      tell(whyNot(status));
    } catch (error) {
      const why = error instanceof HauberkError ? whyUnreachable(error, target) : undefined;
      if (why === undefined || isLast) throw error;
      tell(why);
    }
    await sleep(ASK_AGAIN_MILLISECONDS);
  }
}

function isInForce({ enforcing, revision, enforcedRevision }: GetStatusResponse): boolean {
  return enforcing && enforcedRevision >= revision;
}

function whyNot({ enforcing, reason, revision, enforcedRevision }: GetStatusResponse): string {
  if (!enforcing) return reason || 'the daemon does not say why';
  return `the kernel holds revision ${enforcedRevision}, not yet ${revision}`;
}
