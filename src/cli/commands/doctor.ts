import { type Command, Option } from 'commander';
import { VERSION } from '../../version.js';
import { withClient } from '../connection.js';
import { EXIT } from '../exit-status.js';
import { withExamples } from '../help.js';
import { print } from '../output.js';
import { terminal } from '../terminal.js';

interface Options {
  readonly root: string;
  readonly output: 'yaml' | 'json';
}

const DOCTOR_HELP = `
Left out are values of labels, paths and other contents of policies, the kernel's command line but for its security
modules, and whatever in a log looks like a password, a token or a key. Read it before you give it away all the same.`;

export function addDoctor(program: Command): void {
  withExamples(
    program
      .command('doctor')
      .description('find out what is to be mended, and print what a report of a problem needs')
      .option('--root <directory>', "where the host's files lie, from inside a container for example /proc/1/root", '/')
      .addOption(new Option('-o, --output <format>', 'yaml or json').choices(['yaml', 'json']).default('yaml'))
      .addHelpText('after', DOCTOR_HELP),
    [
      ['hauberk doctor >report.yaml', 'what is to be mended stands on the terminal, everything in the file'],
      ['hauberk doctor -o json | jq .findings', 'for a program'],
    ],
  ).action(async ({ root, output }: Options, command: Command) => {
    const report = await examine(root, command);
    await print(output, report, () => []);
    const { findings } = report;
    for (const finding of findings) terminal().err(`hauberk: ${finding}\n`);
    if (findings.length === 0) terminal().err('hauberk: nothing to mend was found\n');
    else terminal().exitStatus = EXIT.notInForce;
  });
}

async function examine(root: string, command: Command) {
  const [{ examineDaemon }, { examineMachine }, { examineRuntimes }, { findingsOf }, { redact }] = await Promise.all([
    import('../doctor/ask-daemon.js'),
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

/** What cannot be found out is no reason to tell nothing. */
async function orReason<Result>(task: Promise<Result>): Promise<Result | { readonly failed: string }> {
  try {
    return await task;
  } catch (error) {
    return { failed: (error as Error).message };
  }
}
