import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeOfCluster } from '../../support/node-of-cluster.js';

test('a node with the configuration of its runtime in another directory is not changed, and that is reported', (context) => {
  const node = new NodeOfCluster(context, { 'var/lib/rancher/k3s/agent/etc/containerd/config.toml': 'version = 3\n' });
  node.run(
    'hook-install.yaml',
    'hauberk: no /etc/crio and no /etc/containerd/config.toml: name the runtime of this node, and its file with --config\n',
  );
  assert.equal(node.read('etc/hauberk/hook.conf'), undefined);
  node.run('hook-uninstall.yaml');
});

test('on a node with CRI-O the hook is installed as a separate file, set to allow unanswered starts, and removed', (context) => {
  const node = new NodeOfCluster(context, { 'etc/crio/crio.conf': '' });
  node.run('hook-install.yaml');
  const hook = 'etc/crio/hauberk-hooks.d/hauberk.json';
  assert.match(node.read(hook)!, /"stages": \[\s*"createRuntime"/);
  assert.match(node.read('etc/hauberk/hook.conf')!, /^when_unanswered = allow$/mu);
  node.run('hook-uninstall.yaml');
  assert.equal(node.read(hook), undefined);
});

test("what a node's administrator has chosen for unanswered starts is kept", (context) => {
  const settings = 'when_unanswered = refuse\n';
  const node = new NodeOfCluster(context, { 'etc/crio/crio.conf': '', 'etc/hauberk/hook.conf': settings });
  node.run('hook-install.yaml');
  assert.equal(node.read('etc/hauberk/hook.conf'), settings);
});
