#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { helpText } from './config/command.js';
import { parseConfig } from './config/config.js';
import { Failure } from './failure.js';
import { VERSION } from './version.js';

try {
  const config = parseConfig(process.argv.slice(2), (path) => readFileSync(path, 'utf8'), process.env);
  if (config.help) {
    process.stdout.write(helpText());
  } else if (config.version) {
    process.stdout.write(`hauberkd ${VERSION}\n`);
  } else if (config.check) {
    const { check } = await import('./host-check.js');
    process.stdout.write(check(config));
  } else {
    const { runDaemon } = await import('./daemon.js');
    await runDaemon(config);
  }
} catch (thrown) {
  const failure = Failure.from(thrown);
  process.stderr.write(`hauberkd: ${failure.message}\n`);
  if (failure.code === 'internal') process.stderr.write(`${(failure.cause as Error)?.stack}\n`);
  process.exit(1);
}
