import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../rpc/support.js';

const PROGRAM = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const FILE = '/etc/docker/daemon.json';

function start(t: TestContext) {
  const root = temporaryDirectory(t);
  const hook = join(root, 'built-hook');
  writeFileSync(hook, '#!/bin/sh\n');
  mkdirSync(join(root, '/etc/docker'), { recursive: true });
  writeFileSync(join(root, FILE), '{}\n');
  const run = (...parameters: string[]) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [PROGRAM, 'runtime', ...parameters, '--root', root],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    return { status, output: stdout, errors: stderr };
  };
  return { run, install: (...parameters: string[]) => run('install', 'docker', '--hook', hook, ...parameters) };
}

test('without a terminal to ask on, install shows the change and refuses to make it', (t) => {
  const { run, install } = start(t);
  const { status, output, errors } = install();
  assert.equal(status, 2);
  assert.match(output, /^\+ {2}"default-runtime": "hauberk"$/mu);
  assert.match(errors, /^hauberk: nothing was changed: without a terminal to ask on, say --yes or --dry-run$/mu);
  assert.equal(run('status', 'docker').status, 6);
});

test('a dry run shows the change, makes none and succeeds', (t) => {
  const { install } = start(t);
  const first = install('--dry-run');
  assert.equal(first.status, 0);
  assert.equal(install('--dry-run').output, first.output);
});

test('install, status and uninstall say what they did', (t) => {
  const { run, install } = start(t);
  const installed = install('--yes', '--when-unanswered', 'allow');
  assert.equal(installed.status, 0, installed.errors);
  assert.match(
    installed.output,
    /^wrote \/etc\/docker\/daemon\.json; the former is \/etc\/docker\/daemon\.json\.hauberk-backup-/mu,
  );
  assert.equal(install('--yes').output, 'docker: already installed\n');

  const told = run('status', 'docker', '--output', 'json');
  assert.equal(told.status, 6);
  assert.deepEqual(JSON.parse(told.output), [
    {
      runtime: 'docker',
      state: 'not-in-force-yet',
      configuration: FILE,
      whenUnanswered: 'allow',
      notes: ['judged by the files alone'],
      uncovered: [],
    },
  ]);
  assert.match(run('status').output, /^docker +not-in-force-yet +allow +\/etc\/docker\/daemon\.json\ndocker: judged/mu);

  assert.equal(run('uninstall', 'docker', '--yes').status, 0);
  assert.equal(run('uninstall', 'docker', '--yes').output, 'docker: not installed\n');
});

test('only dockerd of this host can be told to read its configuration again', (t) => {
  const { run, install } = start(t);
  assert.equal(install('--yes', '--reload').errors, 'hauberk: --reload is for the running dockerd, not for --root\n');
  const { status, errors } = run('install', 'podman', '--reload');
  assert.deepEqual([status, errors], [2, 'hauberk: podman cannot read its configuration again without a restart\n']);
});
