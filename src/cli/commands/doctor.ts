import { type Command, Option } from 'commander';
import { VERSION } from '../../version.js';
import { withClient } from '../connection.js';
import { EXIT } from '../exit-status.js';
import { withExamples } from '../help.js';
import { print } from '../output.js';
import { terminal } from '../terminal.js';
import { waitingFor } from '../waiting.js';

interface Options {
  readonly root: string;
  readonly output?: 'yaml' | 'json';
}

const DOCTOR_HELP = `
On a terminal only what needs fixing is printed, unless -o asks for the report.

The report leaves out values of labels, paths and other contents of policies, the kernel's command line except its
security modules, and anything in a log that looks like a password, a token or a key. Read it all the same before you
pass it on.`;

export function addDoctor(program: Command): void {
  withExamples(
    program
      .command('doctor')
      .description('find out what needs fixing, and print what a problem report needs')
      .option(
        '--root <directory>',
        "where the host's files are; from inside a container, for example, /proc/1/root",
        '/',
      )
      .addOption(new Option('-o, --output <format>', 'the full report as yaml or json').choices(['yaml', 'json']))
      .addHelpText('after', DOCTOR_HELP),
    [
      ['hauberk doctor', 'what needs fixing'],
      ['hauberk doctor >report.yaml', 'the same on the terminal, the full report in the file'],
      ['hauberk doctor -o json | jq .findings', 'for a program'],
    ],
  ).action(async ({ root, output }: Options, command: Command) => {
    const report = await waitingFor('examining', examine(root, command));
    const format = output ?? (terminal().outIsTerminal ? undefined : 'yaml');
    if (format !== undefined) await print(format, report, () => []);
    const { findings } = report;
    for (const finding of findings) terminal().err(`hauberk: ${finding}\n`);
    if (findings.length === 0) terminal().err('hauberk: found nothing that needs fixing\n');
    else terminal().exitStatus = EXIT.notInForce;
  });
}

async function examine(root: string, command: Command) {
  const [{ examineDaemon }, { examineMachine }, { examineRuntimes }, { findingsOf }, { redact }] = await Promise.all([
    import('../doctor/query-daemon.js'),
    import('../doctor/machine.js'),
    import('../doctor/runtimes.js'),
    import('../doctor/findings.js'),
    import('../doctor/redact.js'),
  ]);
  const [machine, daemon, runtimes] = await Promise.all([
    examineMachine(root),
    orReason(withClient(command, examineDaemon)),
    orReason(examineRuntimes(root)),
  ]);
  const findings = findingsOf({ root, securityModules: machine.securityModules, daemon, runtimes });
  return redact({
    findings,
    client: { version: VERSION, node: process.versions.node },
    machine,
    runtimes,
    daemon,
  });
}

/** If one part fails, the others are still reported. */
async function orReason<Result>(task: Promise<Result>): Promise<Result | { readonly failed: string }> {
  try {
    return await task;
  } catch (error) {
    return { failed: (error as Error).message };
  }
}
