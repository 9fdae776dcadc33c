import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helpText } from '../../src/config/command.js';
import { parseConfig } from '../../src/config/config.js';
import { FLAGS, variableOf } from '../../src/config/flags.js';
import { policySettingsOf, posturesOf } from '../../src/config/policy-settings.js';
import { Failure } from '../../src/failure.js';

const noFile = (): string => assert.fail('no file was named');

function messageOf(
  flags: readonly string[],
  readFile: (path: string) => string = noFile,
  environment: NodeJS.ProcessEnv = {},
): string {
  try {
    parseConfig(flags, readFile, environment);
  } catch (error) {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, 'invalid-argument');
    return error.message;
  }
  return assert.fail('the flags were accepted');
}

test('without flags the documented defaults hold', () => {
  const config = parseConfig([], noFile);
  assert.equal(config.listen, 'unix:/run/hauberk/hauberk.sock');
  assert.equal(config.metrics, '127.0.0.1:9464');
  assert.equal(config.stateDir, '/var/lib/hauberk');
  assert.equal(config.bpffsDir, '/sys/fs/bpf/hauberk');
  assert.equal(config.dockerSocket, '/var/run/docker.sock');
  assert.equal(config.logLevel, 'info');
  assert.equal(config.defaultPostureFile, 'audit');
  assert.equal(config.detachOnExit, false);
  assert.equal(config.insecureTcp, false);
  assert.equal(config.tlsCertificate, undefined);
  assert.deepEqual(config.roles, { viewer: [], operator: [], admin: [] });
  assert.equal(config.maxMessageBytes, 8_388_608);
  assert.equal(config.maxConnections, 1024);
  assert.equal(config.maxStreamsPerClient, 100);
  assert.equal(config.requestsPerSecond, 100);
  assert.equal(config.callTimeout, 60);
  assert.deepEqual([config.visibility, config.telemetryWindow, config.telemetryLimit], ['none', 10, 1000]);
});

test('a flag sets the default visibility, and accepts only classes that can be visible', () => {
  const visibilityOf = (text: string) => policySettingsOf(parseConfig(['--visibility', text], noFile)).visibility;
  assert.deepEqual(visibilityOf('network,process'), ['process', 'network']);
  assert.equal(visibilityOf('none'), undefined);
  for (const wrong of ['', 'files', 'process,none', 'process,', 'mounts'])
    assert.match(messageOf(['--visibility', wrong]), /--visibility/);
  assert.match(messageOf(['--telemetry-window', '0']), /--telemetry-window.* from 1 to 3600/);
  assert.match(messageOf(['--telemetry-limit', '2049']), /--telemetry-limit.* from 1 to 2048/);
});

test('events are exported to known kinds of places, and to a collector by its URL without a password', () => {
  for (const places of ['off', 'stdout', 'file:/a,otlp:https://c:4318', 'otlp:http://[::1]:4318/v1/logs,syslog'])
    assert.equal(parseConfig(['--export', places], noFile).export, places);
  for (const wrong of ['', 'off,stdout', 'file:a', 'otlp:', 'otlp:c:4318', 'otlp:grpc://c', 'otlp:http://u:p@c'])
    assert.match(messageOf(['--export', wrong]), /--export/u);
  assert.equal(messageOf(['--export', 'stdout,otlp:http://c:99999']), '--export: http://c:99999 is not a URL');
});

test('a TCP address needs all files for TLS, or must be a loopback address with the flag for insecure use', () => {
  const tls = ['--tls-certificate', '/c', '--tls-key', '/k'];
  assert.equal(
    messageOf(['--listen', '0.0.0.0:1', ...tls]),
    '--tls-client-ca: must be given too: TLS needs --tls-certificate, --tls-key and --tls-client-ca',
  );
  const { tlsCertificate, tlsKey, tlsClientCa } = parseConfig(
    ['--listen', '0.0.0.0:1', ...tls, '--tls-client-ca', '/a'],
    noFile,
  );
  assert.deepEqual([tlsCertificate, tlsKey, tlsClientCa], ['/c', '/k', '/a']);
  assert.match(
    messageOf(['--listen', '127.0.0.1:1']),
    /^listen: "127\.0\.0\.1:1" is a TCP address, which needs --tls-/,
  );
  assert.match(messageOf(['--listen', '0.0.0.0:1', '--insecure-tcp']), /is not a loopback address; --insecure-tcp/);
  const insecure = parseConfig(['--listen', '127.0.0.1:1', '--insecure-tcp'], noFile);
  assert.equal(insecure.insecureTcpRole, 'viewer');
});

test('a limit is a whole number within its bounds, from a flag or the file', () => {
  for (const [flag, value] of [
    ['--call-timeout', '0'],
    ['--requests-per-second', '1.5'],
    ['--max-message-bytes', '1e6'],
    ['--max-connections', '99999999999'],
  ] as const) {
    assert.match(
      messageOf([flag, value]),
      new RegExp(`^${flag}: must be a whole number from \\d+ to \\d+, is ${value}$`),
    );
  }
  const config = parseConfig(['--config', '/c', '--call-timeout', '5'], () => 'max-connections: 7\ncall-timeout: 9\n');
  assert.equal(config.maxConnections, 7);
  assert.equal(config.callTimeout, 5);
});

test('roles are read from the configuration file', () => {
  const file = [
    'log-level: debug',
    'roles:',
    '  viewer: ["spiffe://example.org/dashboard", "cn:dashboard"]',
    '  operator: ["uid:1000", "gid:1000"]',
    '',
  ].join('\n');
  assert.deepEqual(parseConfig(['--config', '/c'], () => file).roles, {
    viewer: ['spiffe://example.org/dashboard', 'cn:dashboard'],
    operator: ['uid:1000', 'gid:1000'],
    admin: [],
  });
});

test('users and groups of the host can be named in roles, and an unknown one is refused', () => {
  const files: Record<string, string> = {
    '/c': 'roles:\n  viewer: ["group:staff", "user:eve"]\n',
    '/wrong': 'roles:\n  viewer:\n    - "group:nobody-knows"\n    - "user:"\n',
    '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\neve:x:1004:1005::/home/eve:/bin/sh\n',
    '/etc/group': 'root:x:0:\nstaff:x:50:eve\n',
  };
  const readFile = (path: string) => files[path]!;
  assert.deepEqual(parseConfig(['--config', '/c'], readFile).roles.viewer, ['gid:50', 'uid:1004']);
  assert.equal(
    messageOf(['--config', '/wrong'], readFile),
    [
      'line 3, column 7: roles.viewer[0]: there is no group "nobody-knows" in /etc/group',
      'line 4, column 7: roles.viewer[1]: there is no user "" in /etc/passwd',
    ].join('\n'),
  );
});

test('an error in roles has a line and a column', () => {
  const messageFor = (file: string) => messageOf(['--config', '/c'], () => file);
  const form = 'must be a mapping of viewer, operator, admin to lists of clients';
  assert.equal(messageFor('roles: [a]\n'), `line 1, column 1: roles: ${form}`);
  assert.equal(messageFor('roles:\n'), `line 1, column 1: roles: ${form}`);
  assert.equal(
    messageFor('roles:\n  viewer: cn:a\n  owner: []\n  admin:\n    - uid:root\n    - 7\n    - bob\n'),
    [
      'line 2, column 3: roles.viewer: must be a list of clients',
      `line 3, column 3: roles.owner: is not a role; ${form}`,
      'line 5, column 7: roles.admin[0]: uid:root must have a decimal number after the colon',
      'line 6, column 7: roles.admin[1]: must be a text',
      'line 7, column 7: roles.admin[2]: "bob" must begin with spiffe://, cn:, user:, group:, uid: or gid:',
    ].join('\n'),
  );
});

test('an unknown flag or an invalid value is named', () => {
  assert.equal(messageOf(['--lisen', 'x']), "flags: unknown option '--lisen', did you mean --listen?");
  assert.equal(messageOf(['--state-dri=/x']), "flags: unknown option '--state-dri=/x', did you mean --state-dir?");
  assert.equal(messageOf(['--something-else']), "flags: unknown option '--something-else'; see --help");
  assert.equal(messageOf(['-l']), "flags: unknown option '-l'; see --help");
  assert.equal(messageOf(['--check=true']), "flags: unknown option '--check=true', did you mean --check?");
  assert.equal(
    messageOf(['--log-level', 'loud']),
    '--log-level: must be one of fatal, error, warn, info, debug, trace, is loud',
  );
  assert.equal(
    messageOf(['--listen', 'somewhere']),
    '--listen: somewhere does not have the form that --help describes',
  );
  assert.equal(messageOf(['--metrics', '9464']), '--metrics: 9464 does not have the form that --help describes');
});

test('a flag without its value, and a value without a flag, are refused', () => {
  assert.equal(messageOf(['--listen']), "flags: option '--listen <ADDRESS>' argument missing; see --help");
  assert.equal(messageOf(['--state-dir', '--rescue']), 'flags: --state-dir has no value; see --help');
  assert.equal(messageOf(['--check', 'listen']), "flags: unexpected argument 'listen'; see --help");
});

test('a variable sets what its flag does; the flag wins over it, and it over the file', () => {
  const environment = {
    HAUBERKD_CONFIG: '/c',
    HAUBERKD_LOG_LEVEL: 'warn',
    HAUBERKD_DETACH_ON_EXIT: 'true',
    HAUBERKD_REQUIRE_HOOKS: 'false',
    HAUBERKD_MAX_CONNECTIONS: '7',
    HAUBERKD_STATE_DIR: '',
  };
  const file = 'log-level: debug\nrequire-hooks: true\nstate-dir: /s\ncall-timeout: 9\n';
  const config = parseConfig(['--max-connections', '8'], (path) => (path === '/c' ? file : ''), environment);
  assert.deepEqual([config.logLevel, config.maxConnections, config.callTimeout], ['warn', 8, 9]);
  assert.deepEqual([config.detachOnExit, config.requireHooks, config.stateDir], [true, false, '/s']);
  assert.equal(
    parseConfig([], noFile, { HAUBERKD_FLAGS: '--rescue', HAUBERKD_PORT: 'tcp://10.0.0.1:1' }).rescue,
    false,
  );
});

test('a bad value of a variable is reported by the name of the variable', () => {
  const environment = { HAUBERKD_DETACH_ON_EXIT: 'yes', HAUBERKD_CALL_TIMEOUT: '0', HAUBERKD_LOG_LEVEL: 'loud' };
  assert.equal(
    messageOf(['--log-level', 'info'], noFile, environment),
    [
      'HAUBERKD_CALL_TIMEOUT: must be a whole number from 1 to 86400, is 0',
      'HAUBERKD_DETACH_ON_EXIT: must be true or false, is yes',
    ].join('\n'),
  );
});

test('what is for one start only cannot be set for all starts by a variable', () => {
  for (const name of ['rescue', 'discard-damaged', 'check', 'version', 'help'])
    assert.equal(variableOf(name), undefined);
  const { rescue, discardDamaged } = parseConfig([], noFile, {
    HAUBERKD_RESCUE: 'true',
    HAUBERKD_DISCARD_DAMAGED: 'true',
  });
  assert.deepEqual([rescue, discardDamaged], [false, false]);
});

test('an IPv6 address with a port is accepted', () => {
  assert.equal(parseConfig(['--metrics', '[::1]:9464'], noFile).metrics, '[::1]:9464');
});

test('a configuration file is read, and flags override it', () => {
  const file = 'log-level: debug\ndefault-posture-file: block\ndetach-on-exit: true\n';
  const config = parseConfig(['--config', '/etc/hauberk.yaml', '--log-level', 'warn'], (path) => {
    assert.equal(path, '/etc/hauberk.yaml');
    return file;
  });
  assert.equal(config.logLevel, 'warn');
  assert.equal(config.defaultPostureFile, 'block');
  assert.equal(config.detachOnExit, true);
});

test('an error of the configuration file has a line and a column', () => {
  const flags = ['--config', '/c'];
  assert.equal(
    messageOf(flags, () => 'log-level: info\nlistne: x\n'),
    'line 2, column 1: listne: is not a setting, did you mean listen?',
  );
  assert.equal(
    messageOf(flags, () => 'help: true\n'),
    'line 1, column 1: help: is not a setting',
  );
  assert.equal(
    messageOf(flags, () => 'listen: [a]\n'),
    'line 1, column 1: listen: must have one value',
  );
  assert.match(
    messageOf(flags, () => 'a: [\n'),
    /^line \d+, column \d+: \/c: /,
  );
  assert.match(
    messageOf(flags, () => {
      throw new Error('ENOENT: no such file');
    }),
    /^--config: ENOENT/,
  );
});

test('the help explains every flag, with its default and its variable, within a hundred columns', () => {
  const text = helpText();
  for (const line of text.split('\n')) assert.ok(line.length <= 100, line);
  assert.match(text, /^Usage: hauberkd \[FLAG…\]\n\nEnforces .*\n\nOptions:\n/u);
  const [, ...flags] = text.split(/^ {2}(?=--)/mu).map((part) => part.replaceAll(/\s+/gu, ' '));
  assert.deepEqual(
    flags.map((part) => /^--([\w-]+)/u.exec(part)![1]),
    Object.keys(FLAGS),
  );
  for (const [name, { help, default: standard }] of Object.entries(FLAGS)) {
    const part = flags.find((each) => each.startsWith(`--${name} `))!;
    assert.ok(part.includes(help), name);
    assert.ok(!standard || part.includes(`(default ${standard})`), name);
    assert.equal(/\[(HAUBERKD_\w+)\]/u.exec(part)?.[1], variableOf(name), name);
  }
});

test('flags set the domain of the cluster, further search domains and the posture of programs', () => {
  const resolution = (...flags: string[]) => policySettingsOf(parseConfig(flags, () => ''));
  assert.deepEqual(resolution(), { clusterDomain: 'cluster.local', searchDomains: [], filePostureForProcesses: false });
  assert.equal(resolution('--cluster-domain', 'Shop.Example').clusterDomain, 'shop.example');
  assert.equal(resolution('--cluster-domain', 'off').clusterDomain, undefined);
  assert.throws(() => resolution('--cluster-domain', '.local.'), /--cluster-domain/u);
  assert.deepEqual(resolution('--search-domains', 'lan,Eu.Compute.Internal').searchDomains, [
    'lan',
    'eu.compute.internal',
  ]);
  assert.throws(() => resolution('--search-domains', 'lan, other'), /--search-domains/u);
  const together = ['--file-posture-for-processes', '--default-posture-file', 'block'];
  assert.equal(posturesOf(parseConfig(together, () => '')).process, 'block');
  assert.equal(posturesOf(parseConfig(together.slice(1), () => '')).process, 'audit');
});
