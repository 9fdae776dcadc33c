import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parse } from 'yaml';

const SPEC = { ociVersion: '1.0.2', process: { cwd: '/' }, linux: {} };

/** A node with its files in a directory, and the actions of a pod there. */
function node(context: TestContext, files: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), 'hauberk-node-'));
  context.after(() => rmSync(root, { recursive: true }));
  const write = (path: string, text: string, mode = 0o644) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text, { mode });
  };
  for (const [path, text] of Object.entries(files)) write(`host/${path}`, text);
  // Replaces the programs of the node's root, which cannot run here.
  write('bin/chroot', `#!/bin/sh\n[ "$2 $3 $4" = "ctr oci spec" ] && echo '${JSON.stringify(SPEC)}'\n`, 0o755);
  write('bin/hauberk', `#!/bin/sh\nexec '${process.execPath}' '${resolve('build/program/hauberk.js')}' "$@"\n`, 0o755);
  return {
    /** Runs the script of a manifest's init container on these files. */
    run(manifest: string, problem = '') {
      const { spec } = parse(readFileSync(`packaging/kubernetes/${manifest}`, 'utf8'));
      const [{ command }] = spec.template.spec.initContainers;
      const [shell, flags, script] = command as [string, string, string];
      const here = script.replaceAll('/host', `${root}/host`);
      const env = { PATH: `${root}/bin:${process.env.PATH}` };
      const { status, stderr } = spawnSync(shell, [flags, here], { env, encoding: 'utf8' });
      assert.equal(stderr, problem);
      assert.equal(status, problem === '' ? 0 : 1);
    },
    read: (path: string) =>
      existsSync(join(root, 'host', path)) ? readFileSync(join(root, 'host', path), 'utf8') : undefined,
    write: (path: string, text: string) => write(`host/${path}`, text),
  };
}

test('the hook is installed on a node with containerd, set to allow unanswered starts, and removed', (context) => {
  const { run, read, write } = node(context, { 'etc/containerd/config.toml': 'version = 2\n' });
  run('hook-install.yaml');
  const spec = '/etc/containerd/hauberk-base-spec.json';
  assert.match(read('etc/containerd/config.toml')!, new RegExp(`base_runtime_spec = "${spec}"`));
  assert.equal(JSON.parse(read(spec)!).hooks.createRuntime[0].path, '/usr/local/libexec/hauberk/hauberk-hook');
  assert.match(read('etc/hauberk/hook.conf')!, /^when_unanswered = allow$/mu);
  // A restarted pod runs the script again.
  write('etc/hauberk/hook.conf', 'when_unanswered = refuse\n');
  const before = [read('etc/containerd/config.toml'), read(spec)];
  run('hook-install.yaml');
  assert.deepEqual([read('etc/containerd/config.toml'), read(spec)], before);
  assert.match(read('etc/hauberk/hook.conf')!, /^when_unanswered = refuse$/mu, "an administrator's choice is kept");
  run('hook-uninstall.yaml');
  assert.deepEqual([read('etc/containerd/config.toml'), read(spec)], ['version = 2\n', undefined]);
});

test('a node with the configuration of its runtime in another directory is not changed, and that is reported', (context) => {
  const { run, read } = node(context, { 'var/lib/rancher/k3s/agent/etc/containerd/config.toml': 'version = 3\n' });
  const problem = 'no /etc/crio and no /etc/containerd/config.toml: install the hook on this node by hand\n';
  run('hook-install.yaml', problem);
  assert.equal(read('etc/hauberk/hook.conf'), undefined);
  run('hook-uninstall.yaml');
});

test('on a node with CRI-O the hook is installed as a separate file, and removed', (context) => {
  const { run, read } = node(context, { 'etc/crio/crio.conf': '' });
  run('hook-install.yaml');
  const hook = 'etc/crio/hauberk-hooks.d/hauberk.json';
  assert.match(read(hook)!, /"stages": \[\s*"createRuntime"/);
  run('hook-uninstall.yaml');
  assert.equal(read(hook), undefined);
});
