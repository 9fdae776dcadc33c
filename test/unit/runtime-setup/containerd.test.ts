import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { ContainerdSetup } from '../../../src/runtime-setup/containerd.js';
import { containerdStatus } from '../../../src/runtime-setup/containerd-status.js';
import type { SetupOptions } from '../../../src/runtime-setup/setup.js';
import { carryOut, hostWith, optionsOn, writeOn } from './support.js';

const FILE = '/etc/containerd/config.toml';
const OWN = '/etc/containerd/hauberk-base-spec.json';
const PROGRAM = '/usr/local/libexec/hauberk/hauberk-hook';
const CRI_2 = 'plugins."io.containerd.grpc.v1.cri".containerd';
const CRI_3 = `plugins.'io.containerd.cri.v1.runtime'.containerd`;
const HOOK = { path: PROGRAM, args: ['hauberk-hook', '--runtime', 'containerd'] };

/** The relevant part of the output of "ctr oci spec". */
const DEFAULT_SPEC = {
  ociVersion: '1.0.2',
  process: { cwd: '/', rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }], noNewPrivileges: true },
  mounts: [{ destination: '/proc' }],
  linux: { cgroupsPath: '/default', seccomp: {}, maskedPaths: ['/proc/kcore'] },
};

function setUp(test: TestContext, files: Record<string, string>, options: Partial<SetupOptions> = {}) {
  const host = hostWith(test, { '/default.json': JSON.stringify(DEFAULT_SPEC), ...files });
  return { host, setup: new ContainerdSetup(host, optionsOn(host, { baseSpec: '/default.json', ...options })) };
}

describe('hauberk runtime install containerd', () => {
  const added = (table: string) =>
    `[${table}.runtimes.runc] # hauberk: added\n  runtime_type = "io.containerd.runc.v2" # hauberk: added\n  base_runtime_spec = "${OWN}" # hauberk: added\n`;
  const quoted = 'plugins."io.containerd.cri.v1.runtime".containerd';
  const cases: readonly [name: string, before: string, after: string][] = [
    ['a file of version 2 without the section', '# mine\nversion = 2\n', `# mine\nversion = 2\n${added(CRI_2)}`],
    ['a file of version 3 without the section', 'version = 3\n', `version = 3\n${added(quoted)}`],
    [
      'every runtime of the kind of runc, and none of another',
      `version = 2
[${CRI_2}.runtimes] # all of them
  [${CRI_2}.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [${CRI_2}.runtimes.runc.options]
      SystemdCgroup = true
  [${CRI_2}.runtimes.nvidia]
    base_runtime_spec = "" # none
    runtime_type = "io.containerd.runc.v2"
  [${CRI_2}.runtimes.kata]
    runtime_type = "io.containerd.kata.v2"
`,
      `version = 2
[${CRI_2}.runtimes] # all of them
  [${CRI_2}.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    base_runtime_spec = "${OWN}" # hauberk: added
    [${CRI_2}.runtimes.runc.options]
      SystemdCgroup = true
  [${CRI_2}.runtimes.nvidia]
    base_runtime_spec = "${OWN}" # hauberk: was "" # none
    runtime_type = "io.containerd.runc.v2"
  [${CRI_2}.runtimes.kata]
    runtime_type = "io.containerd.kata.v2"
`,
    ],
    [
      'the runc that containerd 2 has besides those that are named',
      `version = 3\n[${CRI_3}.runtimes.nvidia]\nruntime_type = 'io.containerd.runc.v2'\n`,
      `version = 3\n[${CRI_3}.runtimes.nvidia]\nruntime_type = 'io.containerd.runc.v2'\nbase_runtime_spec = "${OWN}" # hauberk: added\n${added(quoted)}`,
    ],
    [
      'what containerd itself prints, the tables of former versions left alone',
      `version = 2
[${CRI_2}.default_runtime]
  base_runtime_spec = ""
  runtime_type = ""
[${CRI_2}.runtimes.runc]
  base_runtime_spec = ''
  runtime_type = 'io.containerd.runc.v2'
`,
      `version = 2
[${CRI_2}.default_runtime]
  base_runtime_spec = ""
  runtime_type = ""
[${CRI_2}.runtimes.runc]
  base_runtime_spec = "${OWN}" # hauberk: was ''
  runtime_type = 'io.containerd.runc.v2'
`,
    ],
  ];
  for (const [name, before, after] of cases) {
    test(`${name}; uninstalling restores the file`, (t) => {
      const { host, setup } = setUp(t, { [FILE]: before });
      carryOut(host, setup.planInstall());
      assert.equal(host.readText(FILE), after);
      assert.deepEqual(setup.planInstall().changes, [], 'a second time changes nothing');
      carryOut(host, setup.planUninstall());
      assert.equal(host.readText(FILE), before);
      assert.equal(host.readText(OWN), undefined);
      assert.deepEqual(setup.planUninstall().changes, []);
    });
  }

  test('creates a missing file, and removes it again', (t) => {
    const { host, setup } = setUp(t, {});
    carryOut(host, setup.planInstall());
    assert.equal(host.readText(FILE), `version = 2 # hauberk: added\n${added(CRI_2)}`);
    carryOut(host, setup.planUninstall());
    assert.equal(host.readText(FILE), undefined);
  });

  test("starts from containerd's default, without the limits that CRI removes, only if no file is named", (t) => {
    const { host, setup } = setUp(t, { [FILE]: 'version = 2\n' });
    carryOut(host, setup.planInstall());
    assert.deepEqual(JSON.parse(host.readText(OWN)!), {
      ociVersion: '1.0.2',
      process: { cwd: '/', noNewPrivileges: true },
      mounts: [{ destination: '/proc' }],
      linux: { maskedPaths: ['/proc/kcore'] },
      hooks: { createRuntime: [HOOK] },
    });
  });

  test('adds the hook to a copy of the specification that is named, with its limits and other hooks', async (t) => {
    const existing = {
      process: { rlimits: [{ type: 'RLIMIT_NOFILE', hard: 5, soft: 5 }] },
      hooks: { createRuntime: [{ path: '/theirs' }], poststop: [{ path: '/x' }] },
    };
    const before = `version = 2\n[${CRI_2}.runtimes.runc]\nbase_runtime_spec = "/etc/cri/base.json"\n`;
    const { host, setup } = setUp(t, { [FILE]: before, '/etc/cri/base.json': JSON.stringify(existing) });
    carryOut(host, setup.planInstall());
    const copy = '/etc/containerd/hauberk-base-spec-etc-cri-base.json';
    assert.match(host.readText(FILE)!, new RegExp(`"${copy}" # hauberk: was "/etc/cri/base.json"\n`, 'u'));
    const { process, hooks } = JSON.parse(host.readText(copy)!);
    assert.deepEqual(process, existing.process);
    assert.deepEqual(hooks, { createRuntime: [{ path: '/theirs' }, HOOK], poststop: [{ path: '/x' }] });

    writeOn(host, '/etc/cri/base.json', '{}');
    assert.deepEqual((await setup.status()).notes.slice(1), [
      '/etc/cri/base.json has changed since: install once more',
    ]);
    rmSync(host.at('/etc/cri/base.json'));
    assert.equal((await setup.status()).notes.length, 2);
    writeOn(host, '/etc/cri/base.json', '{}');
    carryOut(host, setup.planInstall());
    assert.deepEqual(JSON.parse(host.readText(copy)!), { hooks: { createRuntime: [HOOK] } });
    carryOut(host, setup.planUninstall());
    assert.equal(host.readText(FILE), before);
  });

  test('installing again adds the hook to the specification only once, with its new path', (t) => {
    const { host, setup } = setUp(t, { [FILE]: 'version = 2\n' });
    carryOut(host, setup.planInstall());
    const again = new ContainerdSetup(host, optionsOn(host, { hookDirectory: '/opt/hauberk' }));
    carryOut(host, again.planInstall());
    const { createRuntime } = JSON.parse(host.readText(OWN)!).hooks;
    assert.deepEqual(createRuntime, [{ ...HOOK, path: '/opt/hauberk/hauberk-hook' }]);
  });

  test('uses a table of earlier versions for a runtime if it is in use, and names runtimes that it does not cover', (t) => {
    const before = `version = 2
[${CRI_2}.default_runtime]
  runtime_type = "io.containerd.runtime.v1.linux"
[${CRI_2}.untrusted_workload_runtime]
  runtime_type = ""
[${CRI_2}.runtimes.kata]
  runtime_type = "io.containerd.kata.v2"
`;
    const { host, setup } = setUp(t, { [FILE]: before });
    const plan = setup.planInstall();
    carryOut(host, plan);
    assert.equal(plan.notes.at(-1), "not covered, since they are not runc's kind: runtimes kata");
    const line = '  runtime_type = "io.containerd.runtime.v1.linux"\n';
    assert.ok(host.readText(FILE)!.includes(`${line}  base_runtime_spec = "${OWN}" # hauberk: added\n`));
  });

  test('enables NRI only on request', (t) => {
    const nri = '[plugins."io.containerd.nri.v1.nri"]\n  disable = true\n';
    const { host, setup } = setUp(t, { [FILE]: `version = 2\n${nri}` }, { nri: true });
    carryOut(host, setup.planInstall());
    assert.ok(host.readText(FILE)!.includes('  disable = false # hauberk: was true\n'));
    carryOut(host, setup.planUninstall());
    assert.equal(host.readText(FILE), `version = 2\n${nri}`);
  });

  const refused: readonly [name: string, files: Record<string, string>, message: RegExp][] = [
    ['broken TOML', { [FILE]: 'version = 2\n[plugins\n' }, /^\/etc\/containerd\/config\.toml:2:\d+: Invalid TOML/u],
    [
      'a file of version 1',
      { [FILE]: '[plugins.cri]\n' },
      /has no version, which means 1; .* "containerd config migrate"$/u,
    ],
    ['a file of a future version', { [FILE]: 'version = 4\n' }, /config\.toml has version 4/u],
    [
      'a containerd without CRI, as Docker brings it',
      { [FILE]: '# Docker\ndisabled_plugins = ["cri"]\n' },
      /config\.toml:2:1: the CRI plugin is disabled/u,
    ],
    [
      'a file in whose place another is read',
      {
        [FILE]: 'version = 2\nimports = ["conf.d/*.toml"]\n',
        '/etc/containerd/conf.d/cri.toml': `version = 2\n[${CRI_2}]\n`,
      },
      /imports \/etc\/containerd\/conf\.d\/cri\.toml, which configures the CRI plugin/u,
    ],
    [
      'a specification that is missing',
      { [FILE]: `version = 2\n[${CRI_2}.runtimes.runc]\nbase_runtime_spec = "/none.json"\n` },
      /^\/none\.json, a base_runtime_spec, is not there$/u,
    ],
  ];
  for (const [name, files, message] of refused)
    test(`refuses ${name} and changes nothing`, (t) => {
      const { host, setup } = setUp(t, files);
      assert.throws(() => setup.planInstall(), { name: 'Failure', message });
      assert.equal(host.readText(FILE), files[FILE]);
    });

  test('refuses the file that k3s overwrites at every start', (t) => {
    const configuration = '/var/lib/rancher/k3s/agent/etc/containerd/config.toml';
    const { setup } = setUp(t, { [configuration]: 'version = 2\n' }, { configuration });
    assert.throws(() => setup.planInstall(), /config\.toml\.tmpl beside it/u);
  });
});

test('uninstall finds its specification even if the comments are lost', (t) => {
  const { host, setup } = setUp(t, { [FILE]: `version = 2\n[${CRI_2}.runtimes.runc]\nbase_runtime_spec = ""\n` });
  carryOut(host, setup.planInstall());
  writeOn(host, FILE, host.readText(FILE)!.replaceAll(/ # hauberk.*/gu, ''));
  carryOut(host, setup.planUninstall());
  assert.equal(host.readText(FILE), `version = 2\n[${CRI_2}.runtimes.runc]\nbase_runtime_spec = ""\n`);
});

describe('hauberk runtime status containerd', () => {
  test('skips a containerd without CRI, and reports why nothing is installed with a file of version 1', async (t) => {
    assert.equal(setUp(t, { [FILE]: 'disabled_plugins = ["cri"]\n' }).setup.isPresent(), false);
    const { setup } = setUp(t, { [FILE]: '[plugins.cri]\n' });
    assert.equal(setup.isPresent(), true);
    const { state, notes } = await setup.status();
    assert.equal(state, 'not-installed');
    assert.match(notes.join(), /has no version, which means 1/u);
  });

  test('is not-installed before the installation, and incomplete if a part is missing', async (t) => {
    const { host, setup } = setUp(t, { [FILE]: 'version = 2\n' });
    assert.equal((await setup.status()).state, 'not-installed');
    carryOut(host, setup.planInstall());
    assert.deepEqual((await setup.status()).notes, ['judged by the files alone']);
    writeOn(host, FILE, `${host.readText(FILE)}[${CRI_2}.runtimes.more]\nruntime_type = "io.containerd.runc.v2"\n`);
    writeOn(host, OWN, '{}');
    const { state, notes } = await setup.status();
    assert.equal(state, 'incomplete');
    assert.deepEqual(notes, [
      'runtime more has no base_runtime_spec with the hook',
      `${OWN} is missing or does not hold the hook`,
    ]);
  });

  test('with NRI, waits for a restart only while the configuration has not been read', async (t) => {
    const { host, setup } = setUp(t, { [FILE]: 'version = 2\n[grpc]\naddress = "/none.sock"\n' }, { nri: true });
    carryOut(host, setup.planInstall());
    Object.defineProperty(host, 'isThisMachine', { value: true });
    const written = host.modified(FILE)!;
    const statusOfOneStarted = (started: number) =>
      containerdStatus(Object.assign(Object.create(setup), { process: { pid: 1, parameters: [], started } }));
    const judged = "/none.sock does not report the configuration in force: judged by the files' times";
    const restart = 'in force after a restart of containerd';
    const nriRestart = 'NRI is in force after a restart of containerd (1.7 or later)';
    const before = await statusOfOneStarted(written - 1000);
    assert.deepEqual([before.state, before.notes], ['not-in-force-yet', [restart, nriRestart, judged]]);
    const old = await statusOfOneStarted(written + 1000);
    const nriMissing = 'this containerd serves no NRI, which its configuration switches on: 1.7 and later do';
    assert.deepEqual([old.state, old.notes], ['in-force', [nriMissing, judged]]);
    writeOn(host, '/var/run/nri/nri.sock', '');
    const served = await statusOfOneStarted(written + 1000);
    assert.deepEqual([served.state, served.notes], ['in-force', [judged]]);
  });
});
