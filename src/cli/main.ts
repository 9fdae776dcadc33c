#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { Failure } from '../failure.js';
import { VERSION } from '../version.js';
import { addApply, addValidate } from './commands/apply.js';
import { addCompletion } from './commands/completion.js';
import { addDelete } from './commands/delete.js';
import { addDiff } from './commands/diff.js';
import { addEffective } from './commands/effective.js';
import { addExplain } from './commands/explain.js';
import { addGet } from './commands/get.js';
import { addPosture } from './commands/posture.js';
import { addProfile } from './commands/profile.js';
import { addRuntime } from './commands/runtime.js';
import { addWatch } from './commands/watch.js';
import { addConnectionFlags } from './connection.js';
import { EXIT, EXIT_HELP, exitStatusOf } from './exit-status.js';

// Whoever reads the output may stop reading.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed);
});

const program = new Command('hauberk')
  .description('Security policies of containers on this host: apply them, look at them, watch what they deny.')
  .version(VERSION)
  .addHelpText('after', EXIT_HELP)
  .exitOverride();
addConnectionFlags(program);
for (const add of [
  ...[addApply, addValidate, addDiff, addDelete, addGet, addEffective, addExplain],
  ...[addPosture, addProfile, addWatch, addRuntime, addCompletion],
])
  add(program);
overrideExits(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else {
    process.stderr.write(`hauberk: ${(error as Error).message}\n`);
    process.exitCode = error instanceof Failure ? EXIT.refused : exitStatusOf(error);
  }
}

function overrideExits(command: Command): void {
  for (const each of command.commands) {
    each.exitOverride();
    overrideExits(each);
  }
}
