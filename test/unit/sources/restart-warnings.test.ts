import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { restartWarnings } from '../../../src/sources/restart-warnings.js';

test('there is a warning about a runtime that has not read its installed hook, until it restarts', (context) => {
  const root = mkdtempSync(join(tmpdir(), 'hauberk-host-'));
  context.after(() => rmSync(root, { recursive: true }));
  const write = (path: string, seconds: number, text = '') => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    utimesSync(join(root, path), seconds, seconds);
  };
  const reported = (started: number, parameters: readonly string[] = ['/usr/bin/containerd']) =>
    restartWarnings(root, (name) => (name === 'containerd' ? [{ parameters, started: started * 1000 }] : []));
  const warning = 'containerd starts containers without the hook, which is installed, until it is restarted';
  write('/etc/containerd/config.toml', 200);
  assert.deepEqual(reported(100), [], 'no hook is installed');
  write('/etc/containerd/hauberk-base-spec.json', 150);
  assert.deepEqual(reported(100), [warning]);
  assert.deepEqual(reported(151), [], 'the file that names the hook may have been changed by others since');
  write('/etc/containerd/hauberk-base-spec-etc-cri-base.json', 300);
  assert.deepEqual(reported(151), [warning], 'a runtime had a specification of its own before');
  assert.deepEqual(reported(301), []);
  assert.deepEqual(reported(100, ['containerd', '--config', '/run/docker/containerd/containerd.toml']), []);
  assert.deepEqual(
    restartWarnings(root, () => []),
    [],
  );
  const ofCrio = (started: number) =>
    restartWarnings(root, (name) => (name === 'crio' ? [{ parameters: ['crio'], started: started * 1000 }] : []));
  assert.deepEqual(ofCrio(100), []);
  write('/etc/crio/crio.conf.d/99-hauberk.conf', 150);
  assert.deepEqual(ofCrio(100), [warning.replace('containerd', 'crio')]);
  assert.deepEqual(ofCrio(200), []);

  const nri = 'containerd does not serve NRI, which its configuration switches on, until it is restarted';
  const table = 'version = 2\n[plugins."io.containerd.nri.v1.nri"]\ndisable = ';
  write('/etc/containerd/config.toml', 400, `${table}true\n`);
  assert.deepEqual(reported(350), []);
  write('/etc/containerd/config.toml', 400, `${table}false\n`);
  assert.deepEqual(reported(350), [nri]);
  assert.deepEqual(reported(450), [], 'this containerd has no NRI');
  write('/run/nri/nri.sock', 0);
  assert.deepEqual(reported(350), [], 'it has served NRI before');
  write('/etc/containerd/config.toml', 400, `${table}false\nsocket_path = "/run/own.sock"\n`);
  assert.deepEqual(reported(350), [nri]);
  write('/etc/containerd/config.toml', 400, 'broken = \n');
  assert.deepEqual(reported(350), []);
});
