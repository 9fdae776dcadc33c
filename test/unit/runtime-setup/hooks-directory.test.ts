import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { CrioSetup } from '../../../src/runtime-setup/crio.js';
import { PodmanSetup } from '../../../src/runtime-setup/podman.js';
import { carryOut, hostWith, optionsOn, writeOn } from './support.js';

const PODMAN_HOOK = '/etc/containers/oci/hooks.d/hauberk.json';
const PODMAN_DROP_IN = '/etc/containers/containers.conf.d/99-hauberk.conf';
const CRIO_HOOK = '/etc/crio/hauberk-hooks.d/hauberk.json';
const CRIO_DROP_IN = '/etc/crio/crio.conf.d/99-hauberk.conf';

function podman(test: TestContext, files: Record<string, string> = {}) {
  const host = hostWith(test, files);
  return { host, setup: new PodmanSetup(host, optionsOn(host)) };
}

function crio(test: TestContext, files: Record<string, string> = {}) {
  const host = hostWith(test, files);
  return { host, setup: new CrioSetup(host, optionsOn(host)) };
}

function directoriesIn(text: string | undefined): unknown {
  return JSON.parse(/hooks_dir = (.*)/u.exec(text ?? '')?.[1] ?? 'null');
}

describe('hauberk runtime install podman', () => {
  test('writes the hook for every container, and adds the directory to those that podman reads', async (t) => {
    const { host, setup } = podman(t);
    carryOut(host, setup.planInstall());
    assert.deepEqual(JSON.parse(host.readText(PODMAN_HOOK)!), {
      version: '1.0.0',
      hook: { path: '/usr/local/libexec/hauberk/hauberk-hook', args: ['hauberk-hook', '--runtime', 'podman'] },
      when: { always: true },
      stages: ['createRuntime'],
    });
    assert.deepEqual(directoriesIn(host.readText(PODMAN_DROP_IN)), [
      '/usr/share/containers/oci/hooks.d',
      '/etc/containers/oci/hooks.d',
    ]);
    assert.deepEqual(setup.planInstall().changes, []);
    assert.equal((await setup.status()).state, 'in-force');
    carryOut(host, setup.planUninstall());
    assert.deepEqual([host.readText(PODMAN_HOOK), host.readText(PODMAN_DROP_IN)], [undefined, undefined]);
    assert.equal((await setup.status()).state, 'not-installed');
  });

  test('keeps the directories that are configured, the last file first', (t) => {
    const { host, setup } = podman(t, {
      '/usr/share/containers/containers.conf': '[engine]\nhooks_dir = ["/share"]\n',
      '/etc/containers/containers.conf': '[engine]\nhooks_dir = ["/a"]\n',
      '/etc/containers/containers.conf.d/10-more.conf': '[engine]\nhooks_dir = ["/b", {append = true}]\n',
    });
    carryOut(host, setup.planInstall());
    assert.deepEqual(directoriesIn(host.readText(PODMAN_DROP_IN)), ['/a', '/b', '/etc/containers/oci/hooks.d']);
  });

  test('writes no drop-in if the directory is already read', (t) => {
    const { host, setup } = podman(t, {
      '/etc/containers/containers.conf': '[engine]\nhooks_dir = ["/etc/containers/oci/hooks.d"]\n',
    });
    carryOut(host, setup.planInstall());
    assert.equal(host.readText(PODMAN_DROP_IN), undefined);
  });

  test('reports another file that overrides the directory', async (t) => {
    const { host, setup } = podman(t);
    carryOut(host, setup.planInstall());
    const other = '/etc/containers/containers.conf.d/99-local.conf';
    writeOn(host, other, '[engine]\nhooks_dir = ["/b"]\n');
    const { state, notes } = await setup.status();
    assert.deepEqual(
      [state, ...notes],
      ['incomplete', 'podman does not read /etc/containers/oci/hooks.d: hooks_dir is /b'],
    );
    assert.throws(() => setup.planInstall(), {
      message: `${other} is read after 99-hauberk.conf and sets hooks_dir: add /etc/containers/oci/hooks.d there`,
    });
  });

  test('refuses broken TOML with file and line', (t) => {
    const { setup } = podman(t, { '/etc/containers/containers.conf': '[engine]\nhooks_dir = [\n' });
    assert.throws(() => setup.planInstall(), /^Failure: \/etc\/containers\/containers\.conf:\d+:\d+: /u);
  });
});

describe('hauberk runtime install crio', () => {
  test('keeps the default directory and adds one that no other runtime reads', (t) => {
    const { host, setup } = crio(t, { '/etc/crio/crio.conf': '[crio.runtime]\ncgroup_manager = "cgroupfs"\n' });
    carryOut(host, setup.planInstall());
    assert.equal(
      host.readText(CRIO_DROP_IN),
      `# Written by "hauberk runtime install crio": the directories of before, and one with Hauberk's hook.
[crio.runtime]
hooks_dir = ["/usr/share/containers/oci/hooks.d", "/etc/crio/hauberk-hooks.d"]
`,
    );
    assert.deepEqual(JSON.parse(host.readText(CRIO_HOOK)!).hook.args, ['hauberk-hook', '--runtime', 'crio']);
    assert.deepEqual(setup.planInstall().changes, []);
    carryOut(host, setup.planUninstall());
    assert.deepEqual([host.readText(CRIO_HOOK), host.readText(CRIO_DROP_IN)], [undefined, undefined]);
  });

  test('keeps directories that other files name', (t) => {
    const { host, setup } = crio(t, { '/etc/crio/crio.conf.d/10-x': '[crio.runtime]\nhooks_dir = ["/x"]\n' });
    carryOut(host, setup.planInstall());
    assert.deepEqual(directoriesIn(host.readText(CRIO_DROP_IN)), ['/x', '/etc/crio/hauberk-hooks.d']);
  });
});
