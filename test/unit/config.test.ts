import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helpText, parseConfig } from '../../src/config.js';
import { Failure } from '../../src/failure.js';

const noFile = (): string => assert.fail('no file was named');

function messageOf(flags: readonly string[], readFile: (path: string) => string = noFile): string {
  try {
    parseConfig(flags, readFile);
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
});

test('an unknown flag and a bad value are named', () => {
  assert.equal(messageOf(['--lisen', 'x']), "flags: Unknown option '--lisen'; see --help");
  assert.equal(
    messageOf(['--log-level', 'loud']),
    '--log-level: must be one of fatal, error, warn, info, debug, trace, is loud',
  );
  assert.equal(messageOf(['--listen', 'somewhere']), '--listen: somewhere is not of the form --help describes');
  assert.equal(messageOf(['--metrics', '9464']), '--metrics: 9464 is not of the form --help describes');
});

test('an IPv6 address with a port is accepted', () => {
  assert.equal(parseConfig(['--metrics', '[::1]:9464'], noFile).metrics, '[::1]:9464');
});

test('a configuration file is read and flags win over it', () => {
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
    'line 2, column 1: listne: is no setting',
  );
  assert.equal(
    messageOf(flags, () => 'help: true\n'),
    'line 1, column 1: help: is no setting',
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

test('the help explains every flag within a hundred columns', () => {
  const text = helpText();
  for (const name of ['listen', 'metrics', 'state-dir', 'bpffs-dir', 'docker-socket', 'config', 'log-level', 'check']) {
    assert.match(text, new RegExp(`^ {2}--${name}\\b`, 'm'));
  }
  for (const line of text.split('\n')) assert.ok(line.length <= 100, line);
});
