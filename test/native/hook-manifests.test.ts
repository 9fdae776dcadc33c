import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layOutBusybox } from '../support/images.js';
import { NodeOfCluster } from '../support/node-of-cluster.js';

const SPEC = { ociVersion: '1.0.2', process: { cwd: '/' }, linux: {} };
const INSTALLED = '/etc/containerd/hauberk-base-spec.json';

test("on a node with containerd the hook is installed in what the node's own containerd starts from, and removed", (context) => {
  const node = new NodeOfCluster(context, { 'etc/containerd/config.toml': 'version = 2\n' });
  layOutBusybox(node.root);
  // A program of the node, which runs in the node's root only.
  const script = `#!/bin/sh\n[ "$*" = "oci spec" ] && echo '${JSON.stringify(SPEC)}'\n`;
  node.write('usr/bin/ctr', script, 0o755);
  node.run('hook-install.yaml');
  assert.match(node.read('etc/containerd/config.toml')!, new RegExp(`base_runtime_spec = "${INSTALLED}"`));
  const { hooks, ociVersion } = JSON.parse(node.read(INSTALLED)!);
  assert.equal(ociVersion, SPEC.ociVersion);
  assert.equal(hooks.createRuntime[0].path, '/usr/local/libexec/hauberk/hauberk-hook');
  // These must start without hauberkd even where the node's administrator changes `allow` to `refuse`.
  const exempt = node.read('etc/hauberk/hook.conf')!.match(/^exempt_namespace = .*$/gmu);
  assert.deepEqual(exempt, ['exempt_namespace = kube-system', 'exempt_namespace = hauberk']);
  // A restarted pod runs the command again, perhaps after an upgrade of containerd.
  node.write('usr/bin/ctr', '#!/bin/sh\nexit 1\n', 0o755);
  const before = [node.read('etc/containerd/config.toml'), node.read(INSTALLED)];
  node.run('hook-install.yaml');
  assert.deepEqual([node.read('etc/containerd/config.toml'), node.read(INSTALLED)], before);
  node.run('hook-uninstall.yaml');
  assert.deepEqual([node.read('etc/containerd/config.toml'), node.read(INSTALLED)], ['version = 2\n', undefined]);
});

test('where the node has no containerd program that tells its default, nothing is changed', (context) => {
  const node = new NodeOfCluster(context, { 'etc/containerd/config.toml': 'version = 2\n' });
  node.run(
    'hook-install.yaml',
    'hauberk: containerd\'s default specification cannot be had by "ctr oci spec" (hauberk-pod: ctr: No such file or directory); name a file with --base-spec\n',
  );
  assert.equal(node.read('etc/containerd/config.toml'), 'version = 2\n');
});
