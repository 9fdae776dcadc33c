import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { makeBundle } from '../support/bundle.js';
import { HOOK, HookFixture, run } from '../support/hook.js';

let fixture: HookFixture;
beforeEach(() => {
  fixture = new HookFixture();
});
afterEach(() => fixture.remove());

function runContainer() {
  const bundle = join(fixture.directory, 'bundle');
  const args = ['hauberk-hook', '--runtime', 'podman', '--config', fixture.config];
  makeBundle(bundle, 'echo the container runs', { createRuntime: [{ path: resolve(HOOK), args }] });
  return run(['runc', '--root', join(fixture.directory, 'runc'), 'run', '--bundle', bundle, 'hooked']);
}

test('a container of runc with the hook runs once the daemon has answered; until then its process is runc', async () => {
  let program = '';
  await fixture.answer(async ({ state }) => {
    program = readFileSync(`/proc/${state.pid}/cmdline`, 'utf8');
    return 'protected\n';
  });
  const { status, output } = await runContainer();
  assert.deepEqual([status, output], [0, 'the container runs\n']);
  assert.equal(program, 'runc\0init\0');
  assert.equal(fixture.requests[0]?.state.bundle, join(fixture.directory, 'bundle'));
});

test('a container of runc that the hook refuses never runs, and runc prints the reason', async () => {
  await fixture.answer('unprotected no room in the kernel\n');
  const { status, output } = await runContainer();
  assert.equal(status, 1);
  assert.match(output, /Hauberk refuses to start the container: .*no room in the kernel/);
  assert.doesNotMatch(output, /the container runs/);
});
