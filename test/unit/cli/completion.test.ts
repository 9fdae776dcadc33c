import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { manifest } from '../rpc/support.js';
import { run, start, web } from './support.js';

/** Candidates for the end of a line, as requested by the scripts for shells. */
async function complete(address: string, line: string): Promise<string[]> {
  const { output, errors } = await run(address, ['__complete', '--', ...line.split(' ')]);
  assert.equal(errors, '');
  return output
    .split('\n')
    .slice(0, -1)
    .map((each) => each.split('\t')[0]!);
}

test('commands, flags and values are completed where they are allowed', async () => {
  const words = (line: string) => complete('unix:/no/such/socket', line);
  assert.deepEqual(await words('app'), ['apply']);
  assert.deepEqual(await words('get pol'), ['policies', 'policy']);
  assert.deepEqual(await words('apply --dry'), ['--dry-run']);
  assert.deepEqual(await words('watch --tls-c'), ['--tls-ca', '--tls-certificate']);
  assert.deepEqual(await words('get policies -o y'), ['yaml']);
  assert.deepEqual(await words('get policies --output=n'), ['--output=name']);
  assert.deepEqual(await words('get policies --output = n'), ['name']);
  assert.deepEqual(await words('watch --result ='), ['denied', 'passed']);
  assert.deepEqual(await words('-a unix:/x get cont'), ['containers']);
  assert.deepEqual(await words('watch --result de'), ['denied']);
  assert.deepEqual(await words('watch --result denied pa'), ['passed']);
  assert.deepEqual(await words('runtime install d'), ['docker']);
  assert.ok(!(await words('')).some((word) => word.startsWith('_') || word === 'help'));
  assert.deepEqual(await words('effective w'), [], 'without a daemon there are no names');
  assert.deepEqual(await words('no such command'), []);
});

test('names of containers, policies, profiles and namespaces are completed from those in the daemon', async (t) => {
  const { plane, server, hauberk } = await start(t);
  await plane.recordings.resume({ profiled: [], accesses: [] });
  await plane.tracker.register(web, { pidNamespace: 11, mountNamespace: 12 });
  await plane.policies.apply(plane.policies.readManifest(`${manifest('one')}---\n${manifest('other', '/x', 'shop')}`));
  await hauberk('profile', 'start', 'p', '--container', 'web-1');
  const words = (line: string) => complete(server.address, line);
  for (const line of ['effective w', 'explain w', 'policy init w', 'container unregister w', 'profile start q -c w'])
    assert.deepEqual(await words(line), ['web-1'], line);
  assert.deepEqual(await words('get policy o'), ['one', 'other']);
  assert.deepEqual(await words('get policy -n shop o'), ['other']);
  assert.deepEqual(await words('delete one o'), ['one', 'other']);
  assert.deepEqual(await words('profile stop '), ['p']);
  assert.deepEqual(await words('posture set s'), ['shop']);
  assert.deepEqual(await words('watch --namespace=d'), ['--namespace=default']);
  assert.deepEqual(await words('explain web-1 '), []);
});

test('the script for bash completes by calling the command, and there are scripts for zsh and fish', async (t) => {
  const { write, hauberk } = await start(t);
  const program = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
  const command = write('hauberk', `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
  chmodSync(command, 0o755);
  const { output } = await hauberk('completion', 'bash');
  const script = `${output}\nCOMP_WORDS=('${command}' get pol); COMP_CWORD=2; _hauberk; echo "\${COMPREPLY[@]}"`;
  assert.equal(spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout, 'policies policy\n');
  for (const shell of ['zsh', 'fish']) assert.match((await hauberk('completion', shell)).output, /__complete/u);
  assert.equal((await hauberk('completion', 'tcsh')).status, 2);
});
