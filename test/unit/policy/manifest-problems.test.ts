import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/failure.js';
import { readManifest } from '../../../src/policy/manifest.js';
import { CALLS_WITH_PATH } from '../../../src/policy/system-calls.js';
import { options, refusalOf } from './support.js';

const GOOD = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata:
  name: sample
spec:
  selector:
    matchLabels:
      app: web
  file:
    matchPaths:
    - path: /etc/shadow
      fromSource:
      - path: /bin/cat
    matchDirectories:
    - dir: /etc/ssl/
    matchPatterns:
    - pattern: /etc/*shadow
`;

/** The problems of the valid manifest with one piece of text replaced. */
function refusalWith(piece: string, replacement: string): string[] {
  assert.ok(GOOD.includes(piece));
  return refusalOf(() =>
    readManifest(
      GOOD.replace(piece, () => replacement),
      options,
    ),
  );
}

const unsupported = (subject: string) =>
  `${subject} part of the policy language but not supported by this version of Hauberk`;

/** A case: the text to replace, its replacement, and every line of the refusal. */
type Case = readonly [name: string, piece: string, replacement: string, ...lines: string[]];

const cases: readonly Case[] = [
  [
    'a missing apiVersion and kind are placed at the mapping they are missing from',
    'apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\n',
    '\n',
    'line 2, column 1: apiVersion: missing required field `apiVersion`',
    'line 2, column 1: kind: missing required field `kind`',
  ],
  [
    'another apiVersion is named with the accepted one',
    'security.kubearmor.com/v1',
    'security.accuknox.com/v1',
    'line 1, column 13: apiVersion: must be `security.kubearmor.com/v1`, not `security.accuknox.com/v1`',
  ],
  [
    'of another kind of document only the kind is named',
    'kind: KubeArmorPolicy\n',
    'kind: Deployment\nreplicas: 3\n',
    'line 2, column 7: kind: must be one of `KubeArmorPolicy`, `KubeArmorClusterPolicy`, `KubeArmorHostPolicy`, not `Deployment`',
  ],
  [
    'a misspelt kind gets a suggestion',
    'KubeArmorPolicy',
    'KubearmourPolicy',
    'line 2, column 7: kind: must be one of `KubeArmorPolicy`, `KubeArmorClusterPolicy`, `KubeArmorHostPolicy`, not `KubearmourPolicy`, did you mean `KubeArmorPolicy`?',
  ],
  [
    'a kind that is not a string',
    'KubeArmorPolicy',
    '1',
    'line 2, column 7: kind: must be one of `KubeArmorPolicy`, `KubeArmorClusterPolicy`, `KubeArmorHostPolicy`',
  ],
  [
    'a policy for the host with the selector of containers',
    'KubeArmorPolicy',
    'KubeArmorHostPolicy',
    'line 6, column 3: spec.nodeSelector: missing required field `nodeSelector`; to reach every host write `nodeSelector: {matchLabels: {}}`',
    'line 6, column 3: spec.selector: unknown field `selector`',
  ],
  [
    'a policy with the namespace of containers that it cannot choose',
    'matchLabels:\n      app: web',
    'matchExpressions: [{key: namespace, operator: In, values: [a]}]',
    'line 7, column 30: spec.selector.matchExpressions[0].key: is for `KubeArmorClusterPolicy` only: this policy ' +
      'reaches its own namespace',
  ],
  [
    'an expression on labels with a value that is none',
    'matchLabels:\n      app: web',
    'matchExpressions: [{key: label, operator: NotIn, values: [web]}]',
    'line 7, column 63: spec.selector.matchExpressions[0].values[0]: must be a label such as `app=web`, not `web`',
  ],
  ['a missing name', 'name: sample', 'namespace: x', 'line 4, column 3: metadata.name: missing required field `name`'],
  [
    'a name that is no DNS-1123 subdomain',
    'sample',
    'Sample_1',
    'line 4, column 9: metadata.name: must be lower-case letters, digits, `-` and `.`, starting and ending in a ' +
      'letter or digit, at most 253 characters (a DNS-1123 subdomain)',
  ],
  [
    'a namespace that is no DNS-1123 label',
    'name: sample',
    'name: sample\n  namespace: a.b',
    'line 5, column 14: metadata.namespace: must be lower-case letters, digits and `-`, starting and ending in a ' +
      'letter or digit, at most 63 characters (a DNS-1123 label)',
  ],
  [
    'an unknown field with a known one near it',
    'matchPaths',
    'matchPath',
    'line 10, column 5: spec.file.matchPath: unknown field `matchPath`, did you mean `matchPaths`?',
  ],
  [
    'an unknown field with no known one near it',
    'metadata:',
    'zone: x\nmetadata:',
    'line 3, column 1: zone: unknown field `zone`',
  ],
  [
    'a source of a pattern, which the language does not have',
    '/etc/*shadow',
    '/etc/*shadow\n      fromSource: [{path: /bin/cat}]',
    'line 18, column 7: spec.file.matchPatterns[0].fromSource: unknown field `fromSource`',
  ],
  [
    'a read-only process rule, which the language does not have',
    'file:',
    'process: {matchPaths: [{path: /bin/ls, readOnly: true}]}\n  file:',
    'line 9, column 42: spec.process.matchPaths[0].readOnly: unknown field `readOnly`',
  ],
  [
    'a label that is not a string is named by its key in brackets',
    'app: web',
    'app.kubernetes.io/version: 2',
    'line 8, column 34: spec.selector.matchLabels["app.kubernetes.io/version"]: must be a string',
  ],
  [
    'a missing selector',
    'selector:\n    matchLabels:\n      app: web',
    'severity: 3',
    'line 6, column 3: spec.selector: missing required field `selector`; to reach every container of the namespace write `selector: {matchLabels: {}}`',
  ],
  [
    'a missing selector of a policy for the cluster',
    'KubeArmorPolicy\nmetadata:\n  name: sample\nspec:\n  selector:\n    matchLabels:\n      app: web',
    'KubeArmorClusterPolicy\nmetadata:\n  name: sample\nspec:\n  selector:',
    'line 6, column 3: spec.selector: must be a mapping; to reach every container of every namespace write `selector: {matchLabels: {}}`',
  ],
  [
    'a selector without matchLabels',
    'matchLabels:\n      app: web',
    '{}',
    'line 7, column 5: spec.selector: missing one of `matchLabels`, `matchExpressions`; to reach ' +
      'every container of the namespace write `selector: {matchLabels: {}}`',
  ],
  [
    'a matchLabels with nothing in it',
    '      app: web\n',
    '',
    'line 7, column 5: spec.selector: missing one of `matchLabels`, `matchExpressions`; to reach ' +
      'every container of the namespace write `selector: {matchLabels: {}}`',
  ],
  [
    'a mapping where a list must be',
    '- dir: /etc/ssl/',
    '  dir: /x/',
    'line 15, column 7: spec.file.matchDirectories: must be a list',
  ],
  [
    'an empty list item',
    '- dir: /etc/ssl/',
    '-',
    'line 15, column 6: spec.file.matchDirectories[0]: must be a mapping',
  ],
  [
    'a flag that is no boolean',
    'dir: /etc/ssl/',
    'dir: /etc/ssl/\n      recursive: yes',
    'line 16, column 18: spec.file.matchDirectories[0].recursive: must be `true` or `false`',
  ],
  ...['0', '11', '2.5', '"5"', '.inf'].map(
    (severity): Case => [
      `severity ${severity}`,
      'file:',
      `severity: ${severity}\n  file:`,
      'line 9, column 13: spec.severity: must be a whole number from 1 to 10',
    ],
  ),
  [
    'an action in other letters gets a suggestion',
    'file:',
    'action: block\n  file:',
    'line 9, column 11: spec.action: must be one of `Allow`, `Audit`, `Block`, not `block`, did you mean `Block`?',
  ],
  [
    'an unknown action',
    'file:',
    'action: Terminate\n  file:',
    'line 9, column 11: spec.action: must be one of `Allow`, `Audit`, `Block`, not `Terminate`',
  ],
  ['a tag that is not a string', 'file:', 'tags: [a, 1]\n  file:', 'line 9, column 13: spec.tags[1]: must be a string'],
  [
    'a policy without a rule',
    GOOD.slice(GOOD.indexOf('  file:')),
    '  file: {matchPaths: []}\n',
    'line 6, column 3: spec: at least one rule is required, in `process`, `file`, `network`, `capabilities`, ' +
      '`filesystems`, `mounts`, `ptrace`, `namespaces`, `presets`, `syscalls`',
  ],
  [
    'a field given twice',
    '- path: /etc/shadow',
    '- path: /etc/shadow\n      path: /etc/gshadow',
    'line 12, column 7: spec.file.matchPaths[0].path: field `path` is given twice',
  ],
  ...(
    [
      ['etc/shadow', 'must be absolute, that is start with `/`'],
      ['""', 'must be absolute, that is start with `/`'],
      ['/etc/', 'must not end in `/`, `matchDirectories` names directories'],
      ['/', 'must not end in `/`, `matchDirectories` names directories'],
      ['/etc//shadow', 'must not contain an empty component, that is `//`'],
      ['/etc/./shadow', 'must not contain a `.` component'],
      ['/etc/x/..', 'must not contain a `..` component'],
      ['"/etc/\\0"', 'must not contain control characters'],
      ['"/etc/\\x7f"', 'must not contain control characters'],
      ['"/etc/\\ud800"', 'must be well-formed Unicode'],
      [`/${'é'.repeat(2048)}`, 'is 4097 bytes long, at most 4096 are accepted'],
    ] as const
  ).flatMap(([value, description]): Case[] => {
    const name = `the path ${value.slice(0, 20)}`;
    return [
      [name, '/etc/shadow', value, `line 11, column 13: spec.file.matchPaths[0].path: ${description}`],
      [
        `${name} of a source`,
        '/bin/cat',
        value,
        `line 13, column 15: spec.file.matchPaths[0].fromSource[0].path: ${description}`,
      ],
    ];
  }),
  [
    'a directory without its slash',
    '/etc/ssl/',
    '/etc/ssl',
    'line 15, column 12: spec.file.matchDirectories[0].dir: must end in `/`',
  ],
  [
    'a directory that leads up',
    '/etc/ssl/',
    '/etc/../',
    'line 15, column 12: spec.file.matchDirectories[0].dir: must not contain a `..` component',
  ],
  [
    'a pattern that is not absolute',
    '/etc/*shadow',
    '"*shadow"',
    'line 17, column 16: spec.file.matchPatterns[0].pattern: must be absolute, that is start with `/`',
  ],
  [
    'a pattern that is malformed',
    '/etc/*shadow',
    '/etc/[gs',
    'line 17, column 16: spec.file.matchPatterns[0].pattern: has a `[` that no `]` closes (at character 6)',
  ],
  ...([['apparmor', '`apparmor` is', 'apparmor: deny network,']] as const).map(
    ([field, subject, text]): Case => [
      `${field} is refused by name`,
      '  file:',
      `  ${text}\n  file:`,
      `line 9, column 3: spec.${field}: ${unsupported(subject)}`,
    ],
  ),
  [
    'a system call that is to be more than audited',
    '  file:',
    '  syscalls: {action: Allow, matchSyscalls: [{syscall: [unlinkat], action: Block}, {syscall: [kill], action: null}]}\n  file:',
    'line 9, column 22: spec.syscalls.action: must be `Audit`, not `Allow`: system calls are only audited',
    'line 9, column 75: spec.syscalls.matchSyscalls[0].action: must be `Audit`, not `Block`: system calls are only ' +
      'audited',
  ],
  [
    'a list of no system calls, and names that there are none of',
    '  file:',
    '  syscalls:\n    matchSyscalls: [{syscall: []}, {syscall: [kill, unlinkt]}]\n    matchPaths: [{path: home, syscall: [frobnicate]}, {path: /home/}]\n  file:',
    'line 10, column 31: spec.syscalls.matchSyscalls[0].syscall: must not be empty',
    `line 10, column 53: spec.syscalls.matchSyscalls[1].syscall[1]: must be a system call of this machine (${process.arch}), ` +
      'not `unlinkt`, did you mean `unlink`?',
    'line 11, column 25: spec.syscalls.matchPaths[0].path: must be absolute, that is start with `/`',
    `line 11, column 41: spec.syscalls.matchPaths[0].syscall[0]: must be a system call of this machine (${process.arch}), ` +
      'not `frobnicate`',
    'line 11, column 55: spec.syscalls.matchPaths[1].syscall: missing required field `syscall`',
  ],
  [
    'a path for a system call of which the kernel reports none',
    '  file:',
    '  syscalls: {matchPaths: [{path: /home/, syscall: [kill]}]}\n  file:',
    'line 9, column 52: spec.syscalls.matchPaths[0].syscall[0]: must be a system call whose path the kernel reports, not ' +
      `\`kill\`, which \`matchSyscalls\` takes: one of ${CALLS_WITH_PATH.join(', ')}`,
  ],
  [
    'nodeSelector in place of selector',
    'selector:',
    'nodeSelector:',
    'line 6, column 3: spec.selector: missing required field `selector`; to reach every container of the namespace write `selector: {matchLabels: {}}`',
    'line 6, column 3: spec.nodeSelector: unknown field `nodeSelector`',
  ],
  [
    'a program named twice over, and one not at all',
    'file:',
    'process: {matchPaths: [{path: /bin/sh, execname: sh}, {pts: true}]}\n  file:',
    'line 9, column 52: spec.process.matchPaths[0].execname: stands beside `path`: only one of the two may',
    'line 9, column 57: spec.process.matchPaths[1].path: missing one of `path`, `execname`',
  ],
  [
    'a name of a program with a slash',
    'file:',
    'process: {matchPaths: [{execname: bin/sh}]}\n  file:',
    'line 9, column 37: spec.process.matchPaths[0].execname: must be a name without `/`, `path` names one place',
  ],
  [
    'operations that there are none of, or beside readOnly',
    '- path: /etc/shadow',
    '- {path: /a, operations: [peek]}\n    - {path: /b, operations: [read], readOnly: true}\n    - path: /etc/shadow',
    'line 11, column 31: spec.file.matchPaths[0].operations[0]: must be one of `read`, `write`, `create`, `delete`, ' +
      '`rename`, `link`, `attributes`, `map`, not `peek`',
  ],
  [
    'a priority out of range, a mode there is not, a time that is none',
    'selector:',
    'priority: 5000\n  mode: dry\n  expires: tomorrow\n  selector:',
    'line 6, column 13: spec.priority: must be a whole number from -1000 to 1000',
    'line 7, column 9: spec.mode: must be one of `enforce`, `audit`, not `dry`',
    'line 8, column 12: spec.expires: must be a time such as `2026-12-31T23:59:59Z` (RFC 3339)',
  ],
  [
    'a preset there is not',
    'file:',
    'presets: [{name: filelessexec}]\n  file:',
    'line 9, column 20: spec.presets[0].name: must be one of `anonymousMapExec`, `filelessExec`, `protectEnv`, ' +
      '`protectProc`, `exec`, `hardened`, `drift`, not `filelessexec`, did you mean `filelessExec`?',
  ],
  [
    'exceptions of another preset than drift',
    'file:',
    'presets: [{name: exec, except: [{path: /a}]}]\n  file:',
    'line 9, column 26: spec.presets[0].except: is for the preset `drift` only',
  ],
  [
    'an exception that names no place, two, or none that can be',
    'file:',
    'presets: [{name: drift, except: [{recursive: true}, {path: /a, dir: /b/}, {dir: /c}]}]\n  file:',
    'line 9, column 36: spec.presets[0].except[0].path: missing one of `path`, `dir`, `pattern`',
    'line 9, column 71: spec.presets[0].except[1].dir: stands beside `path`: only one of the two may',
    'line 9, column 83: spec.presets[0].except[2].dir: must end in `/`',
  ],
  [
    'a library that names no place, two, or none that can be',
    'selector:',
    'loaderLibraries: [{recursive: true}, {path: /a, pattern: /b*}, {path: a.so}]\n  selector:',
    'line 6, column 21: spec.loaderLibraries[0].path: missing one of `path`, `dir`, `pattern`',
    'line 6, column 60: spec.loaderLibraries[1].pattern: stands beside `path`: only one of the two may',
    'line 6, column 73: spec.loaderLibraries[2].path: must be absolute, that is start with `/`',
  ],
  [
    'a null byte in the text is an error of YAML or of the field, never lost',
    '/etc/shadow',
    '/etc/\0shadow',
    'line 11, column 13: spec.file.matchPaths[0].path: must not contain control characters',
  ],
];

test('every wrong value of a rule on the network or on capabilities is reported by its field', () => {
  const endpoint = '{protocol: icmp, cidr: 10.0.0.1/8, ports: 70000, direction: out}';
  const lines = refusalWith(
    '  file:\n',
    `  network:
    matchProtocols: [{protocol: icmpv}]
    matchFamilies: [{family: AF_INET}]
    matchEndpoints: [${endpoint}, {ports: 9-1}]
    matchDNSQueries: [{domain: example.org}, {domain: a..b}, {domain: '**.example.org'}, {domain: bücher.example}]
  capabilities:
    matchCapabilities: [{capability: net_row}]
  file:\n`,
  );
  assert.deepEqual(
    lines.map((line) =>
      line.replace(/^line \d+, column \d+: /u, '').replace(/must be one of [^.]*?not/u, 'must be one of …, not'),
    ),
    [
      'spec.network.matchProtocols[0].protocol: must be one of …, not `icmpv`, did you mean `icmp`?',
      'spec.network.matchFamilies[0].family: must be one of …, not `AF_INET`',
      'spec.network.matchEndpoints[0].protocol: must be one of …, not `icmp`',
      'spec.network.matchEndpoints[0].cidr: has bits set behind its prefix of 8',
      'spec.network.matchEndpoints[0].ports: must be a port from 0 to 65535 or a range of them, such as `8000-8999`',
      'spec.network.matchEndpoints[0].direction: must be one of …, not `out`',
      'spec.network.matchEndpoints[1].ports: must be a port from 0 to 65535 or a range of them, such as `8000-8999`',
      ...[1, 2, 3].map(
        (index) =>
          `spec.network.matchDNSQueries[${index}].domain: must be a domain such as \`example.com\`, or \`*.example.com\` for ` +
          'the names below it: letters, digits, `-` and `_`, at most 253 characters (others as their `xn--` form)',
      ),
      'spec.capabilities.matchCapabilities[0].capability: must be one of …, not `net_row`, did you mean `net_raw`?',
    ],
  );
});

for (const [name, piece, replacement, ...lines] of cases) {
  test(`refused: ${name}`, () => assert.deepEqual(refusalWith(piece, replacement), lines));
}

test('the manifest from which the cases start is valid', () => {
  assert.equal(readManifest(GOOD, options).length, 1);
});

test('a text with a YAML 1.1 directive is refused, also with a merge key without effect', () => {
  for (const rest of [GOOD, '<<: ']) {
    const lines = refusalOf(() => readManifest(`%YAML 1.1\n---\n${rest}`, options));
    assert.deepEqual(lines, ['line 2, column 1: manifest: is YAML 1.1; only YAML 1.2 is read']);
  }
});

test('a problem has separate field, description, line and column', () => {
  assert.throws(
    () => readManifest(GOOD.replace('/etc/ssl/', 'ssl/'), options),
    (thrown: unknown) => {
      assert.ok(thrown instanceof Failure);
      assert.equal(thrown.code, 'invalid-argument');
      assert.deepEqual(thrown.problems, [
        {
          field: 'spec.file.matchDirectories[0].dir',
          description: 'must be absolute, that is start with `/`',
          line: 15,
          column: 12,
        },
      ]);
      return true;
    },
  );
});

test('all problems of all documents are listed, in the order of the text', () => {
  const second = GOOD.replace('sample', 'Other').replace('/etc/ssl/', '/etc/ssl').replace('path: /bin/cat', 'paths: x');
  const third = 'kind: Pod\nkind: List\n';
  assert.deepEqual(
    refusalOf(() => readManifest([GOOD.replace('web', '1'), second, third].join('---\n'), options)),
    [
      'line 8, column 12: document 1: spec.selector.matchLabels.app: must be a string',
      'line 22, column 9: document 2: metadata.name: must be lower-case letters, digits, `-` and `.`, starting and ' +
        'ending in a letter or digit, at most 253 characters (a DNS-1123 subdomain)',
      'line 31, column 9: document 2: spec.file.matchPaths[0].fromSource[0].paths: unknown field `paths`, did you ' +
        'mean `path`?',
      'line 31, column 9: document 2: spec.file.matchPaths[0].fromSource[0].path: missing one of `path`, `dir`',
      'line 33, column 12: document 2: spec.file.matchDirectories[0].dir: must end in `/`',
      'line 37, column 1: document 3: apiVersion: missing required field `apiVersion`',
      'line 38, column 1: document 3: kind: field `kind` is given twice',
      'line 38, column 7: document 3: kind: must be one of `KubeArmorPolicy`, `KubeArmorClusterPolicy`, `KubeArmorHostPolicy`, not `List`',
    ],
  );
});

test('a policy that is given twice in a manifest is refused at the second name', () => {
  const explicit = GOOD.replace('name: sample', 'namespace: default\n  name: sample');
  assert.deepEqual(
    refusalOf(() => readManifest(`${GOOD}---\n${explicit}`, options)),
    ['line 23, column 9: document 2: metadata.name: policy `default/sample` is given twice, first at line 4, column 9'],
  );
});
