#!/usr/bin/env node
import { EXIT } from './exit-status.js';
import { runProgram } from './program.js';
import { terminal } from './terminal.js';

// The reader of the output may close it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed);
});

process.exitCode = await runProgram(process.argv.slice(2), terminal());
