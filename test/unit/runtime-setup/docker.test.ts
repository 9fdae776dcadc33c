import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { DockerSetup } from '../../../src/runtime-setup/docker.js';
import type { SetupOptions } from '../../../src/runtime-setup/setup.js';
import { carryOut, hostWith, optionsOn, writeOn } from './support.js';

const FILE = '/etc/docker/daemon.json';
const PROGRAM = '/usr/local/libexec/hauberk/hauberk-runtime';

function setUp(test: TestContext, text?: string, options: Partial<SetupOptions> = {}) {
  const host = hostWith(test, text === undefined ? {} : { [FILE]: text });
  return { host, setup: new DockerSetup(host, optionsOn(host, options)) };
}

function container(id: string, runtime: string, running = false): Record<string, string> {
  const directory = `/var/lib/docker/containers/${id}`;
  return {
    [`${directory}/config.v2.json`]: JSON.stringify({ Name: `/${id}`, State: { Running: running } }),
    [`${directory}/hostconfig.json`]: JSON.stringify({ Runtime: runtime }),
  };
}

describe('hauberk runtime install docker', () => {
  const entry = `"hauberk": {\n      "path": "${PROGRAM}"\n    }`;
  const wrapping = (parameters: string) =>
    `"hauberk": {\n      "path": "${PROGRAM}",\n      "runtimeArgs": [\n        "--hauberk-real-runtime",\n        ${parameters}\n      ]\n    }`;
  const nvidia = '"nvidia": {"path": "nvidia-container-runtime"}';
  const nvidiaDebug = '"nvidia": {"path": "/usr/bin/nvidia", "runtimeArgs": ["--debug"]}';
  const cases: readonly [name: string, before: string, after: string][] = [
    [
      'adds to what is there',
      '{\n  "log-driver": "journald"\n}\n',
      `{\n  "log-driver": "journald",\n  "runtimes": {\n    ${entry}\n  },\n  "default-runtime": "hauberk"\n}\n`,
    ],
    [
      'runc as a default that is written down',
      '{\n  "default-runtime": "runc"\n}\n',
      `{\n  "default-runtime": "hauberk",\n  "runtimes": {\n    ${wrapping('"runc"')}\n  }\n}\n`,
    ],
    [
      'starts the runtime that was the default',
      `{\n  "runtimes": {\n    ${nvidia}\n  },\n  "default-runtime": "nvidia"\n}\n`,
      `{\n  "runtimes": {\n    ${nvidia},\n    ${wrapping('"nvidia-container-runtime"')}\n  },\n  "default-runtime": "hauberk"\n}\n`,
    ],
    [
      'with its arguments',
      `{\n  "default-runtime": "nvidia",\n  "runtimes": {\n    ${nvidiaDebug}\n  }\n}\n`,
      `{\n  "default-runtime": "hauberk",\n  "runtimes": {\n    ${nvidiaDebug},\n    ${wrapping('"/usr/bin/nvidia",\n        "--debug"')}\n  }\n}\n`,
    ],
  ];
  for (const [name, before, after] of cases) {
    test(`${name}; uninstalling restores the file`, (t) => {
      const { host, setup } = setUp(t, before);
      carryOut(host, setup.planInstall());
      assert.equal(host.readText(FILE), after);
      assert.deepEqual(setup.planInstall().changes, [], 'a second time changes nothing');
      carryOut(host, setup.planUninstall());
      assert.equal(host.readText(FILE), before);
      assert.deepEqual(setup.planUninstall().changes, []);
    });
  }

  test('creates a missing file, and removes it again', (t) => {
    const { host, setup } = setUp(t);
    carryOut(host, setup.planInstall());
    assert.equal(JSON.parse(host.readText(FILE)!)['default-runtime'], 'hauberk');
    carryOut(host, setup.planUninstall());
    assert.equal(host.readText(FILE), undefined);
  });

  test('installs the program as executable, and replaces an older one', (t) => {
    const { host, setup } = setUp(t);
    carryOut(host, setup.planInstall());
    assert.equal(statSync(host.at(PROGRAM)).mode & 0o777, 0o755);
    writeOn(host, PROGRAM, 'older');
    carryOut(host, setup.planInstall());
    assert.equal(host.readText(PROGRAM), '#!/bin/sh\n');
  });

  const refused: readonly [name: string, text: string, message: RegExp][] = [
    ['broken JSON', '{\n  "a": 1\n  "b": 2\n}', /^\/etc\/docker\/daemon\.json:3:3: comma expected$/u],
    ['a list of runtimes', '{\n  "runtimes": []\n}', /daemon\.json:2:3: runtimes must be an object$/u],
    [
      'a default that is not there',
      '{\n  "default-runtime": "kata"\n}',
      /daemon\.json:2:3: the default runtime kata is not one with a path/u,
    ],
    [
      'a default that is a shim',
      '{"default-runtime": "kata", "runtimes": {"kata": {"runtimeType": "io.containerd.kata.v2"}}}',
      /daemon\.json:1:2: the default runtime kata is not one with a path/u,
    ],
    ...[
      '[]',
      'null',
      '{"path": 1}',
      '{"path": "/runsc", "runtimeArgs": "--debug"}',
      '{"path": "/runsc", "runtimeArgs": [1]}',
    ].map((runtime): [string, string, RegExp] => [
      `the runtime ${runtime}`,
      `{\n  "runtimes": {"runsc": ${runtime}}\n}`,
      /daemon\.json:2:16: runsc must be an object, whose path is a text and runtimeArgs a list of texts$/u,
    ]),
  ];
  for (const [name, text, message] of refused)
    test(`refuses ${name} and changes nothing`, (t) => {
      const { host, setup } = setUp(t, text);
      assert.throws(() => setup.planInstall(), { name: 'Failure', message });
      assert.equal(host.readText(FILE), text);
    });
});

describe('hauberk runtime uninstall docker', () => {
  test('keeps the name for the real runtime while a container uses it, and removes it afterwards', (t) => {
    const { host, setup } = setUp(
      t,
      '{"default-runtime": "n", "runtimes": {"n": {"path": "/n", "runtimeArgs": ["-d"]}}}',
    );
    carryOut(host, setup.planInstall());
    for (const [path, text] of Object.entries(container('c1', 'hauberk'))) writeOn(host, path, text);
    carryOut(host, setup.planUninstall());
    const { runtimes, ...rest } = JSON.parse(host.readText(FILE)!);
    assert.deepEqual(rest, { 'default-runtime': 'n' });
    assert.deepEqual(runtimes.hauberk, { path: '/n', runtimeArgs: ['-d'] });
    assert.deepEqual(setup.planUninstall().changes, []);
    writeOn(host, '/var/lib/docker/containers/c1/hostconfig.json', '{"Runtime": "n"}');
    carryOut(host, setup.planUninstall());
    assert.deepEqual(Object.keys(JSON.parse(host.readText(FILE)!).runtimes), ['n']);
  });

  test('installing again over a kept name uses the current default as the real runtime', (t) => {
    const text = '{"runtimes": {"hauberk": {"path": "runc"}}}';
    const { host, setup } = setUp(t, text);
    carryOut(host, setup.planInstall());
    assert.deepEqual(JSON.parse(host.readText(FILE)!).runtimes.hauberk, { path: PROGRAM });
  });

  test('keeps a default that was set since', (t) => {
    const { host, setup } = setUp(t, '{}');
    carryOut(host, setup.planInstall());
    writeOn(host, FILE, host.readText(FILE)!.replace('"default-runtime": "hauberk"', '"default-runtime": "runc"'));
    carryOut(host, setup.planUninstall());
    assert.deepEqual(JSON.parse(host.readText(FILE)!), { 'default-runtime': 'runc' });
  });

  test('sets the default explicitly when dockerd reloads the file, since otherwise it keeps the old one', (t) => {
    const { host, setup } = setUp(t, '{}', { reload: true });
    carryOut(host, setup.planInstall());
    carryOut(host, setup.planUninstall());
    assert.deepEqual(JSON.parse(host.readText(FILE)!), { 'default-runtime': 'runc' });
  });

  test('changes nothing where nothing was installed', (t) => {
    const { setup } = setUp(t, '{"runtimes": {}}');
    assert.deepEqual(setup.planUninstall(), { changes: [], notes: [] });
  });
});

describe('hauberk runtime status docker', () => {
  test('names the containers of other runtimes, also below a directory of a user namespace', async (t) => {
    const { host, setup } = setUp(t, '{}');
    carryOut(host, setup.planInstall());
    const files = { ...container('web', 'runc', true), ...container('db', 'hauberk', true), ...container('old', '') };
    for (const [path, text] of Object.entries(files))
      writeOn(host, path.replace('docker/containers/old', 'docker/100000.100000/containers/old'), text);
    const { state, uncovered, whenUnanswered } = await setup.status();
    assert.deepEqual([state, whenUnanswered], ['not-in-force-yet', 'refuse']);
    assert.deepEqual(uncovered, [
      { id: 'web', name: 'web', runtime: 'runc', running: true },
      { id: 'old', name: 'old', runtime: 'runc', running: false },
    ]);
  });

  test('leaves out containers whose files Docker has not written like that', async (t) => {
    const { host, setup } = setUp(t, '{}');
    carryOut(host, setup.planInstall());
    const broken: readonly [file: string, content: unknown][] = [
      ['config.v2.json', { Name: 1, State: { Running: true } }],
      ['config.v2.json', { Name: '/a', State: 'running' }],
      ['config.v2.json', [1]],
      ['hostconfig.json', { Runtime: ['runc'] }],
      ['hostconfig.json', null],
    ];
    for (const [index, [file, content]] of broken.entries()) {
      const files = container(`broken${index}`, 'runc', true);
      for (const [path, text] of Object.entries(files))
        writeOn(host, path, path.endsWith(file) ? JSON.stringify(content) : text);
    }
    for (const [path, text] of Object.entries(container('web', 'runc', true))) writeOn(host, path, text);
    assert.deepEqual(
      (await setup.status()).uncovered.map(({ id }) => id),
      ['web'],
    );
  });

  const states: readonly [name: string, text: string, state: string][] = [
    ['no configuration', '{}', 'not-installed'],
    ['another default', `{"runtimes": {"hauberk": {"path": "${PROGRAM}"}}}`, 'incomplete'],
    ['another program', '{"default-runtime": "hauberk", "runtimes": {"hauberk": {"path": "runc"}}}', 'incomplete'],
    [
      'a program that is missing',
      `{"default-runtime": "hauberk", "runtimes": {"hauberk": {"path": "${PROGRAM}"}}}`,
      'incomplete',
    ],
  ];
  for (const [name, text, state] of states)
    test(`${name} is ${state}`, async (t) => assert.equal((await setUp(t, text).setup.status()).state, state));
});
