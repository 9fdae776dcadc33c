import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

const base = mkdtempSync(join(tmpdir(), 'hauberk-link-search-'));
for (const directory of ['v1', 'v2', 'bin', '..2026']) mkdirSync(join(base, directory));
for (const file of ['v1/key', 'v2/key', 'bin/busybox', '..2026/token']) writeFileSync(join(base, file), '');
const link = (name: string, target: string) => {
  rmSync(join(base, name), { force: true });
  symlinkSync(target, join(base, name));
};
for (const [name, target] of Object.entries({ 'bin/nc': 'busybox', 'bin/sh': 'busybox', '..data': '..2026' }))
  link(name, target);
link('token', '..data/token');

const DESCRIPTION = {
  id: 'c',
  name: 'web',
  namespace: 'default',
  labels: { app: 'web' },
  origin: 'registered',
} as const;

/** Registers this process as a container under a rule on a file. */
async function start(action: string) {
  link('current', 'v1');
  const plane = new InMemoryControlPlane();
  const apply = async (rules: string) => {
    const manifest = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: linked}
spec: {selector: {matchLabels: {app: web}}, ${rules}}`;
    return (await plane.policies.apply(plane.policies.readManifest(manifest))).result[0]!.warnings;
  };
  const register = () => plane.tracker.register(DESCRIPTION, { pid: process.pid });
  const isNamed = async (path: string) => {
    const object = { kind: 'path', path: Buffer.from(join(base, path)) } as const;
    const access = { operation: 'read', object, ownership: 'owner', terminal: false, arguments: [] } as const;
    const { decider } = await plane.policies.explain('c', { ...access, program: Buffer.from('/bin/cat') });
    return decider !== undefined && 'rule' in decider && decider.rule.action === action;
  };
  const rule = `file: {matchPaths: [{path: ${base}/current/key}]}, action: ${action}`;
  return { plane, apply: (rules = rule) => apply(rules), register, isNamed };
}

test("the target of a link at the container's start is covered by every rule, whatever its action", async () => {
  for (const action of ['Block', 'Allow']) {
    const { plane, apply, register, isNamed } = await start(action);
    await apply();
    await register();
    assert.deepEqual(
      [await isNamed('current/key'), await isNamed('v1/key'), await isNamed('v2/key')],
      [true, true, false],
    );
    plane.tracker.stop();
  }
});

test('a link that is found later, or changed, is followed by Block rules and not by Allow rules', async () => {
  for (const action of ['Block', 'Allow']) {
    const { plane, apply, register, isNamed } = await start(action);
    await register();
    await apply();
    assert.equal(await isNamed('v1/key'), action === 'Block');
    plane.tracker.stop();
  }
  for (const action of ['Block', 'Allow']) {
    const { plane, apply, register, isNamed } = await start(action);
    await apply();
    await register();
    link('current', 'v2');
    await register();
    assert.deepEqual([await isNamed('v1/key'), await isNamed('v2/key')], [true, action === 'Block']);
    // Also when a change of policies causes the search.
    link('current', 'bin');
    await apply(`file: {matchPaths: [{path: ${base}/current/key}, {path: /other}]}, action: ${action}`);
    assert.equal(await isNamed('bin/key'), action === 'Block');
    plane.tracker.stop();
  }
});

test('rules on one of several names of a program, and on links that the host may change, get a warning', async () => {
  const { plane, apply, register } = await start('Block');
  await register();
  const [program, ...none] = await apply(`process: {matchPaths: [{path: ${base}/bin/nc}]}`);
  assert.match(
    program!,
    /^process\.matchPaths\[0\] names .*bin\/nc`, a link to `.*bin\/busybox`, which other names lead to/u,
  );
  assert.deepEqual(none, []);
  const [token] = await apply(`file: {matchPaths: [{path: ${base}/token}]}`);
  assert.ok(token!.endsWith(`name the directory \`${base}/\`, recursive`), token);
  assert.deepEqual(await apply(`file: {matchPaths: [{path: ${base}/v1/key}]}`), []);
  plane.tracker.stop();
});

test('a rule on a file that has another name by a second mount gets a warning', async (t) => {
  const script = `mount --bind ${base}/bin ${base}/v2 && echo ready; exec sleep 100`;
  const child = spawn('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const { plane, apply } = await start('Block');
  t.after(() => plane.tracker.stop());
  await plane.tracker.register(DESCRIPTION, { pid: child.pid! });
  const warning = (id: string, name: string) =>
    `${id} names \`${base}/v2${name}\`, which is mounted at \`${base}/bin${name}\` too: what is done by one of the ` +
    'names is decided by the stronger of both decisions';
  assert.deepEqual(
    await apply(`file: {matchDirectories: [{dir: ${base}/v2/}], matchPaths: [{path: ${base}/v2/busybox}]}`),
    [warning('file.matchPaths[0]', '/busybox'), warning('file.matchDirectories[0]', '')],
  );
  assert.deepEqual(await apply(`process: {matchPaths: [{path: ${base}/v2/busybox}]}`), []);
  assert.deepEqual(await apply(`file: {matchPatterns: [{pattern: ${base}/v2/*}]}`), []);
});

test('a rule about a directory warns of files there with hard links elsewhere, unless it allows', async (t) => {
  mkdirSync(join(base, 'kept'));
  writeFileSync(join(base, 'kept/file'), '');
  linkSync(join(base, 'kept/file'), join(base, 'linked-elsewhere'));
  const { plane, apply, register } = await start('Block');
  t.after(() => plane.tracker.stop());
  await register();
  assert.deepEqual(await apply(`file: {matchDirectories: [{dir: ${base}/kept/}]}`), [
    `file.matchDirectories[0] names \`${base}/kept/\`, where files have hard links elsewhere, 1 in all, such as \`${base}/kept/file\` with 2 links: by those names it does not hold; rules that name the files themselves do`,
  ]);
  const allowing = await apply(`file: {matchDirectories: [{dir: ${base}/kept/, action: Allow}]}`);
  assert.deepEqual(
    allowing.filter((text) => text.includes('hard links')),
    [],
  );
  assert.deepEqual(await apply(`process: {matchDirectories: [{dir: ${base}/kept/}]}`), []);
});

test('links are searched neither in a container without a process nor for rules without paths', async () => {
  const { plane, apply } = await start('Block');
  await plane.tracker.register(DESCRIPTION, { pidNamespace: 11, mountNamespace: 12 });
  const before = plane.commits.length;
  assert.deepEqual(await apply(), []);
  assert.equal(plane.commits.length, before + 1);
  await plane.containers.remove('c');
  await plane.tracker.register(DESCRIPTION, { pid: process.pid });
  const written = plane.commits.length;
  await apply('capabilities: {matchCapabilities: [{capability: kill}]}, action: Block');
  assert.equal(plane.commits.length, written + 1);
  plane.tracker.stop();
});
