import { Command, CommanderError } from 'commander';
import { Failure } from '../failure.js';
import { VERSION } from '../version.js';
import { addApply, addValidate } from './commands/apply.js';
import { addBackup, addRestore } from './commands/backup.js';
import { addCompletion } from './commands/completion.js';
import { addContainer } from './commands/container.js';
import { addDelete } from './commands/delete.js';
import { addDiff } from './commands/diff.js';
import { addDoctor } from './commands/doctor.js';
import { addEffective } from './commands/effective.js';
import { addExplain } from './commands/explain.js';
import { addGet } from './commands/get.js';
import { addLogs } from './commands/logs.js';
import { addPolicy } from './commands/policy.js';
import { addPosture } from './commands/posture.js';
import { addProfile } from './commands/profile.js';
import { addRun } from './commands/run.js';
import { addRuntime } from './commands/runtime.js';
import { addStatus } from './commands/status.js';
import { addTest } from './commands/test.js';
import { addTop } from './commands/top.js';
import { addVersion } from './commands/version.js';
import { addVisibility } from './commands/visibility.js';
import { addWatch } from './commands/watch.js';
import { addConnectionFlags } from './connection.js';
import { EXIT, EXIT_HELP, exitStatusOf } from './exit-status.js';
import { HELP_CONFIGURATION, withExamples } from './help.js';
import { type Terminal, terminal, withTerminal } from './terminal.js';

const COMMANDS = [
  ...[addApply, addValidate, addDiff, addDelete, addGet, addEffective, addExplain, addTest],
  ...[addPolicy, addPosture, addContainer, addProfile, addVisibility, addWatch, addLogs, addTop, addRun, addRuntime],
  ...[addStatus, addBackup, addRestore, addDoctor, addVersion, addCompletion],
];

/** The command line, not yet run. */
export function makeProgram(): Command {
  // Settings made here before commands are added apply to them too.
  const program = new Command('hauberk')
    .description(
      'Manage the security policies of containers on this host: apply them, inspect them, watch what they deny.',
    )
    .version(VERSION)
    .configureOutput({ writeOut: (text) => terminal().out(text), writeErr: (text) => terminal().err(text) })
    .configureHelp(HELP_CONFIGURATION)
    .addHelpText('after', EXIT_HELP)
    .showHelpAfterError('(--help says more)')
    .exitOverride();
  addConnectionFlags(program);
  for (const add of COMMANDS) add(program);
  return withExamples(program, [
    ['hauberk status', 'whether the policies are in force'],
    ['hauberk get containers', 'the containers that policies can reach, and what protects them'],
    ['hauberk apply -f policy.yaml --dry-run', 'what a policy would do'],
    ['hauberk watch --result denied', 'what is refused, as it happens'],
  ]);
}

/** Runs it with parameters as a shell gives them. @returns the exit status */
export function runProgram(parameters: readonly string[], its: Terminal): Promise<number> {
  return withTerminal(its, async () => {
    try {
      await makeProgram().parseAsync([...parameters], { from: 'user' });
      return its.exitStatus;
    } catch (error) {
      if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
      its.err(`hauberk: ${(error as Error).message}\n`);
      return error instanceof Failure ? EXIT.refused : exitStatusOf(error);
    }
  });
}
