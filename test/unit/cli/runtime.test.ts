import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runHauberk } from '../../support/command-line.js';
import { temporaryDirectory } from '../rpc/support.js';

const FILE = '/etc/docker/daemon.json';

function start(t: TestContext) {
  const root = temporaryDirectory(t);
  const hook = join(root, 'built-hook');
  writeFileSync(hook, '#!/bin/sh\n');
  mkdirSync(join(root, '/etc/docker'), { recursive: true });
  writeFileSync(join(root, FILE), '{}\n');
  const run = (...parameters: string[]) => runHauberk(['runtime', ...parameters, '--root', root]);
  const requested = (answer: string) =>
    runHauberk(['runtime', 'install', 'docker', '--hook', hook, '--root', root], '', answer);
  return {
    run,
    requested,
    install: (...parameters: string[]) => run('install', 'docker', '--hook', hook, ...parameters),
  };
}

test('without a terminal install shows the change and refuses to make it', async (t) => {
  const { run, install } = start(t);
  const { status, output, errors } = await install();
  assert.equal(status, 2);
  assert.match(output, /^\+ {2}"default-runtime": "hauberk"$/mu);
  assert.match(
    errors,
    /^hauberk: nothing was changed: without a terminal for the confirmation, give --yes or --dry-run$/mu,
  );
  assert.equal((await run('status', 'docker')).status, 6);
});

test('on a terminal install asks, and makes the change only when the answer is yes', async (t) => {
  const { requested } = start(t);
  const refused = await requested('no');
  assert.deepEqual([refused.status, refused.errors], [1, 'hauberk: nothing was changed\n']);
  const made = await requested('Yes ');
  assert.equal(made.status, 0, made.errors);
  assert.match(made.output, /^wrote \/etc\/docker\/daemon\.json/mu);
});

test('a dry run shows the change, makes none and succeeds', async (t) => {
  const { install } = start(t);
  const first = await install('--dry-run');
  assert.equal(first.status, 0);
  assert.equal((await install('--dry-run')).output, first.output);
});

test('install, status and uninstall report what they did', async (t) => {
  const { run, install } = start(t);
  const installed = await install('--yes', '--when-unanswered', 'allow');
  assert.equal(installed.status, 0, installed.errors);
  assert.match(
    installed.output,
    /^wrote \/etc\/docker\/daemon\.json; the former is \/etc\/docker\/daemon\.json\.hauberk-backup-/mu,
  );
  assert.equal((await install('--yes')).output, 'docker: already installed\n');

  const reported = await run('status', 'docker', '--output', 'json');
  assert.equal(reported.status, 6);
  assert.deepEqual(JSON.parse(reported.output), [
    {
      runtime: 'docker',
      state: 'not-in-force-yet',
      configuration: FILE,
      whenUnanswered: 'allow',
      notes: ['judged by the files alone'],
      uncovered: [],
    },
  ]);
  assert.match(
    (await run('status')).output,
    /^docker +not-in-force-yet +allow +\/etc\/docker\/daemon\.json\ndocker: judged/mu,
  );

  assert.equal((await run('uninstall', 'docker', '--yes')).status, 0);
  assert.equal((await run('uninstall', 'docker', '--yes')).output, 'docker: not installed\n');
});

test('only the dockerd of this host can be told to reload its configuration', async (t) => {
  const { run, install } = start(t);
  assert.equal(
    (await install('--yes', '--reload')).errors,
    'hauberk: --reload is for the running dockerd, not for --root\n',
  );
  const { status, errors } = await run('install', 'podman', '--reload');
  assert.deepEqual([status, errors], [2, 'hauberk: podman cannot read its configuration again without a restart\n']);
});
