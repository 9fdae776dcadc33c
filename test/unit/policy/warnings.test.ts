import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifest } from '../../../src/policy/manifest.js';
import { options } from './support.js';

const manifest = (
  spec: string,
  selector = 'selector: {matchLabels: {app: web}}',
) => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: sample}
spec:
  ${selector}
  ${spec}
`;

const warningsOf = (spec: string) => readManifest(manifest(spec), options)[0]!.warnings;

/** A specification in one line, the column of the warning, and its text. */
const cases: readonly (readonly [name: string, spec: string, column: number, warning: string])[] = [
  [
    'a pattern with arguments',
    'process: {matchPatterns: [{pattern: /*/crontab -e}]}',
    39,
    "spec.process.matchPatterns[0].pattern is matched with the program's path, which holds no arguments such as `-e`; " +
      'write `pattern: /*/crontab`, and to let it run with some arguments only, `path` with `allowedArgs`',
  ],
  [
    'a path with arguments',
    'process: {matchPaths: [{path: /usr/bin/curl --insecure}]}',
    33,
    "spec.process.matchPaths[0].path is matched with the program's path, which holds no arguments such as `--insecure`; " +
      'write `path: /usr/bin/curl`, and to let it run with some arguments only, `path` with `allowedArgs`',
  ],
  [
    'a wildcard in a path',
    'file: {matchPaths: [{path: /etc/*shadow}]}',
    30,
    'spec.file.matchPaths[0].path takes `*` literally, not as a wildcard; write `pattern: /etc/*shadow` in `matchPatterns`',
  ],
  [
    'a wildcard in a directory',
    'file: {matchDirectories: [{dir: /srv/*/data/}]}',
    35,
    'spec.file.matchDirectories[0].dir takes `*` literally, not as a wildcard; write `pattern: /srv/*/data/*` in ' +
      '`matchPatterns` or, for all below `/srv/`, `dir: /srv/` with `recursive: true`',
  ],
  [
    'a wildcard in a directory with all below it',
    'file: {matchDirectories: [{dir: /srv/*/data/, recursive: true}]}',
    35,
    'spec.file.matchDirectories[0].dir takes `*` literally, not as a wildcard; write `pattern: /srv/*/data/**` in ' +
      '`matchPatterns` or, for all below `/srv/`, `dir: /srv/` with `recursive: true`',
  ],
  [
    'a wildcard in a source',
    'file: {matchPaths: [{path: /etc/shadow, fromSource: [{path: /usr/bin/*}]}]}',
    63,
    'spec.file.matchPaths[0].fromSource[0].path takes `*` literally, not as a wildcard; for all programs of a directory ' +
      'write `dir: /usr/bin/`, with `recursive: true` for those below it too',
  ],
  [
    'a wildcard in the source of a rule of the network',
    'network: {matchProtocols: [{protocol: tcp, fromSource: [{path: /opt/?/x}]}]}',
    66,
    'spec.network.matchProtocols[0].fromSource[0].path takes `?` literally, not as a wildcard; for all programs of a ' +
      'directory write `dir: /opt/`, with `recursive: true` for those below it too',
  ],
  [
    'a wildcard in the name of a program',
    'process: {matchPaths: [{execname: python*}]}',
    37,
    'spec.process.matchPaths[0].execname takes `*` literally, not as a wildcard; write `pattern: /**/python*` in `matchPatterns`',
  ],
  [
    'a blank at an end',
    'file: {matchPaths: [{path: "/etc/shadow "}]}',
    30,
    'spec.file.matchPaths[0].path starts or ends with a blank, which counts as part of it; write `/etc/shadow`',
  ],
  [
    'a pattern of a program with a word behind it',
    'process: {matchPatterns: [{pattern: /**/systemctl stop*}]}',
    39,
    "spec.process.matchPatterns[0].pattern is matched with the program's path, which holds no arguments such as `stop*`; " +
      'write `pattern: /**/systemctl`, and to let it run with some arguments only, `path` with `allowedArgs`',
  ],
  [
    'a blank at the end of an argument',
    'process: {matchPaths: [{path: /bin/ls, allowedArgs: ["-l "]}]}',
    56,
    'spec.process.matchPaths[0].allowedArgs[0] starts or ends with a blank, which counts as part of it; write `-l`',
  ],
  [
    'a choice in a path',
    'file: {matchPaths: [{path: "/etc/{passwd,shadow}"}]}',
    30,
    'spec.file.matchPaths[0].path takes `{passwd,shadow}` literally, not as a wildcard; write ' +
      '`pattern: /etc/{passwd,shadow}` in `matchPatterns`',
  ],
  [
    'a wildcard in place of a mount',
    'mounts: {matchMounts: [{dir: /mnt/*/}]}',
    32,
    'spec.mounts.matchMounts[0].dir takes `*` literally, not as a wildcard; write `pattern: /mnt/*/*`',
  ],
  [
    'a wildcard in place of a mount with all below it',
    'mounts: {matchMounts: [{dir: /mnt/*/, recursive: true}]}',
    32,
    'spec.mounts.matchMounts[0].dir takes `*` literally, not as a wildcard; write `pattern: /mnt/*/**`',
  ],
  [
    'a wildcard in a path of system calls',
    'syscalls: {matchPaths: [{path: /tmp/*, syscall: [unlink]}]}',
    34,
    'spec.syscalls.matchPaths[0].path takes `*` literally, not as a wildcard; for all below `/tmp/` write ' +
      '`path: /tmp/` with `recursive: true`',
  ],
  [
    'arguments in the path of a file, whose name may be so',
    'file: {matchPaths: [{path: /srv/run -v}]}',
    30,
    'spec.file.matchPaths[0].path is matched with a path, in which `-v` is part of a name; if it is meant as an argument, ' +
      'write `path: /srv/run`',
  ],
  [
    'a source with arguments, in a rule on a file',
    'file: {matchPaths: [{path: /etc/shadow, fromSource: [{path: /bin/sh -c}]}]}',
    63,
    "spec.file.matchPaths[0].fromSource[0].path is matched with the program's path, which holds no arguments such as `-c`; " +
      'write `path: /bin/sh`',
  ],
  [
    'the name of a program with any arguments',
    'process: {matchPaths: [{execname: curl *}]}',
    37,
    "spec.process.matchPaths[0].execname is matched with the program's name, which holds no arguments such as `*`; write " +
      '`execname: curl`, and to let it run with some arguments only, `path` with `allowedArgs`',
  ],
  [
    'the path of a program with any arguments',
    'process: {matchPaths: [{path: /usr/bin/curl *}]}',
    33,
    "spec.process.matchPaths[0].path is matched with the program's path, which holds no arguments such as `*`; write " +
      '`path: /usr/bin/curl`, and to let it run with some arguments only, `path` with `allowedArgs`',
  ],
];

for (const [name, spec, column, warning] of cases) {
  test(`a warning with position and what to write instead: ${name}`, () => {
    assert.deepEqual(warningsOf(spec), [`line 6, column ${column}: ${warning}`]);
  });
}

test('a blank at the end of a label causes a warning', () => {
  const { warnings } = readManifest(
    manifest('file: {matchPaths: [{path: /x}]}', 'selector: {matchLabels: {app: "web "}}'),
    options,
  )[0]!;
  assert.deepEqual(warnings, [
    'line 5, column 33: spec.selector.matchLabels.app starts or ends with a blank, which counts as part of it; write `web`',
  ]);
});

test('of wildcards before arguments the advice for the wildcards is given alone', () => {
  assert.deepEqual(warningsOf('process: {matchPaths: [{execname: python* -c}]}'), [
    'line 6, column 37: spec.process.matchPaths[0].execname takes `*` literally, not as a wildcard; write ' +
      '`pattern: /**/python*` in `matchPatterns`',
    "line 6, column 37: spec.process.matchPaths[0].execname is matched with the program's name, which holds no arguments " +
      'such as `-c`',
  ]);
});

test('names with blanks inside, and patterns with wildcards, cause no warning', () => {
  assert.deepEqual(warningsOf('process: {matchPaths: [{path: /opt/My App/bin/app}]}'), []);
  assert.deepEqual(
    warningsOf('file: {matchPaths: [{path: /srv/my file}], matchPatterns: [{pattern: /a b/*.pem}]}'),
    [],
  );
});

test('a network allow-list without families warns that local sockets still work', () => {
  const [warning, ...others] = warningsOf('network: {action: Allow, matchProtocols: [{protocol: tcp}]}');
  assert.deepEqual(others, []);
  assert.match(
    warning!,
    /^line 6, column 12: spec\.network allows .*local ones \(unix, netlink\) stay outside .*`matchFamilies`$/u,
  );
  const families = 'matchFamilies: [{family: unix}], matchProtocols: [{protocol: tcp}]';
  assert.deepEqual(warningsOf(`network: {action: Allow, ${families}}`), []);
  assert.deepEqual(warningsOf('network: {matchProtocols: [{protocol: tcp}]}'), []);
});
