import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPattern } from '../../../src/image/pattern.js';
import type { FileOperation, Rule } from '../../../src/policy/model.js';
import type { ObservedAccess } from '../../../src/profile/observed-access.js';
import { type Suggestion, suggestPolicy } from '../../../src/profile/suggest.js';
import { suggestionText } from '../../../src/profile/suggestion-text.js';

const common = { ownership: 'owner', terminal: false, fromOutside: false, count: 1 } as const;

const read = (path: string, program = '/usr/bin/a'): ObservedAccess => done(['read'], path, program);

function done(operations: readonly FileOperation[], path: string, program = '/usr/bin/a'): ObservedAccess {
  return { ...common, class: 'file', operations, object: { kind: 'path', path }, program };
}

function run(path: string, program: string): ObservedAccess {
  const object = { kind: 'path', path } as const;
  return { ...common, class: 'process', operations: ['execute'], object, program, fromOutside: program === '' };
}

function connected(port: number, ...address: number[]): ObservedAccess {
  const object = { kind: 'socket', family: 2, type: 1, protocol: 6, direction: 'egress', port, address } as const;
  return { ...common, class: 'network', operations: ['communicate'], object, program: '/usr/bin/a' };
}

function requested(name: string): ObservedAccess {
  const object = { kind: 'query', name } as const;
  return { ...common, class: 'network', operations: ['resolve'], object, program: '/usr/bin/a' };
}

function suggest(accesses: readonly ObservedAccess[]): Suggestion {
  return suggestPolicy(accesses, { name: 'least', namespace: 'default', matchLabels: { app: 'a' }, checkPattern });
}

/** The rules of one class in short form: match, sources and operations. */
function rulesOf(ruleClass: Rule['class'], accesses: readonly ObservedAccess[]): string[] {
  return suggest(accesses)
    .policy.rules.filter((rule) => rule.class === ruleClass)
    .map(({ match, sources, readOnly, operations, action }) => {
      const { kind, ...what } = match;
      const done = readOnly ? ['readOnly'] : (operations ?? []);
      return [action, kind, ...Object.values(what), ...done, ...sources.map((source) => `from ${source}`)].join(' ');
    });
}

test('a queried name is allowed, unless it cannot be in a rule', () => {
  assert.deepEqual(rulesOf('network', [requested('www.example.com'), requested('a?.example.com')]), [
    'Allow domain www.example.com',
  ]);
});

test('for a renamed directory everything is allowed to all programs, under its old and its new name', () => {
  const renamed = [
    done(['create'], '/srv/app/new'),
    done(['write'], '/srv/app/new/row'),
    done(['rename'], '/srv/app/new/'),
    done(['rename'], '/srv/app/current'),
    read('/srv/app/current/row', '/usr/bin/b'),
    read('/etc/app'),
  ];
  assert.deepEqual(rulesOf('file', renamed), [
    'Allow exact /etc/app readOnly from /usr/bin/a',
    'Allow directory /srv/app/ true read write create delete rename link attributes',
  ]);
  const files = [done(['rename'], '/srv/app/new'), done(['rename'], '/srv/app/current')];
  assert.equal(
    rulesOf('file', files).some((rule) => rule.includes('directory')),
    false,
  );
});

test('a library is generalised to the libraries in its directory, and a file that is read is not', () => {
  assert.deepEqual(rulesOf('file', [read('/usr/lib/x86_64-linux-gnu/libc.so.6'), read('/usr/lib/locale/C.utf8')]), [
    'Allow exact /usr/lib/locale/C.utf8 readOnly',
    'Allow directory /usr/lib/x86_64-linux-gnu/ false readOnly',
  ]);
});

test("the loader's files in /etc are not libraries, and a library in a mixed top directory is not generalised", () => {
  const paths = ['/etc/ld.so.cache', '/etc/ld.so.preload', '/root/own.so', '/usr/share/gdb/libc.so.6-gdb.py'];
  assert.deepEqual(
    rulesOf(
      'file',
      paths.map((path) => read(path)),
    ),
    paths.map((path) => `Allow exact ${path} readOnly`),
  );
  const libraries = ['/lib64/ld-linux-x86-64.so.2', '/usr/lib/ssl/libssl.so.1.1.1k', '/opt/app/plugin.so'];
  const directories = ['/lib64', '/usr/lib/ssl', '/opt/app'];
  assert.deepEqual(
    rulesOf(
      'file',
      libraries.map((path) => read(path)),
    ),
    directories.map((path) => `Allow directory ${path}/ false readOnly`),
  );
});

test('five files that are read in a directory are generalised to the directory, but never to /etc', () => {
  const inside = ['a', 'b', 'c', 'd', 'e'];
  assert.deepEqual(
    rulesOf(
      'file',
      inside.map((name) => read(`/etc/app/${name}`)),
    ),
    ['Allow directory /etc/app/ false readOnly'],
  );
  assert.equal(
    rulesOf(
      'file',
      inside.map((name) => read(`/etc/${name}`)),
    ).length,
    5,
  );
});

test('many files in many directories are generalised to the tree', () => {
  const files = ['a', 'b', 'c', 'd'].flatMap((of) =>
    [1, 2, 3, 4, 5].map((n) => read(`/usr/share/zone/${of}/${of}${n}`)),
  );
  assert.deepEqual(rulesOf('file', files), ['Allow directory /usr/share/zone/ true readOnly']);
});

test('numbered and random names become patterns where they change from run to run, and not below /usr', () => {
  const accesses = [
    read('/proc/1234/status'),
    read('/data/base/5/16384'),
    read('/data/base/5/16385_fsm'),
    read('/tmp/tmp.aB3dE9'),
    read('/usr/share/app/15'),
  ];
  assert.deepEqual(rulesOf('file', accesses), [
    'Allow exact /usr/share/app/15 readOnly',
    'Allow pattern /proc/[0-9]*/status readOnly',
    'Allow pattern /data/base/[0-9]*/[0-9]* readOnly',
    'Allow pattern /data/base/[0-9]*/16385_fsm readOnly',
    'Allow pattern /tmp/tmp.* readOnly',
  ]);
});

test('three names that differ only in numbers become a pattern, and a single one for a temporary file', () => {
  assert.deepEqual(rulesOf('file', [read('/data/log1'), read('/data/log2')]), [
    'Allow exact /data/log1 readOnly',
    'Allow exact /data/log2 readOnly',
  ]);
  assert.deepEqual(rulesOf('file', [read('/data/log1'), read('/data/log2'), read('/data/log3')]), [
    'Allow pattern /data/log[0-9]* readOnly',
  ]);
  assert.deepEqual(rulesOf('file', [done(['create'], '/data/temp-7.db'), done(['rename'], '/data/temp-7.db')]), [
    'Allow pattern /data/temp-[0-9]*.db read write create delete rename attributes',
  ]);
});

test('written files may be read again, created ones written and deleted, and renamed ones renamed again', () => {
  for (const made of ['create', 'rename'] as const) {
    const allowed = ['read', 'write', 'create', 'delete', 'rename', 'attributes'].filter((each) =>
      each === 'attributes' ? made === 'rename' : each === made || !['create', 'rename'].includes(each),
    );
    assert.deepEqual(rulesOf('file', [done([made], '/data/a')]), [`Allow exact /data/a ${allowed.join(' ')}`]);
  }
  assert.deepEqual(rulesOf('file', [done(['write'], '/data/a')]), ['Allow exact /data/a read write']);
  assert.deepEqual(rulesOf('file', [done(['delete'], '/data/a')]), ['Allow exact /data/a delete']);
});

test('a name that cannot be in a policy becomes a pattern', () => {
  assert.deepEqual(rulesOf('file', [read('/data/a\nb')]), ['Allow pattern /data/a?b readOnly']);
  assert.deepEqual(rulesOf('file', [read('/data/a\uFFFD\uFFFDb')]), ['Allow pattern /data/a*b readOnly']);
});

test('a rule names its programs if they are few of several and have stable names', () => {
  const other = read('/data/other', '/usr/bin/b');
  assert.deepEqual(rulesOf('file', [read('/data/a'), other]), [
    'Allow exact /data/a readOnly from /usr/bin/a',
    'Allow exact /data/other readOnly from /usr/bin/b',
  ]);
  assert.deepEqual(rulesOf('file', [read('/data/a')]), ['Allow exact /data/a readOnly']);
  assert.deepEqual(rulesOf('file', [read('/data/a', '/tmp/tmp.aB3dE9'), other])[0], 'Allow exact /data/a readOnly');
});

test('a program is allowed to the programs that ran it, and to all if a runtime did', () => {
  const runs = [run('/usr/bin/sh', ''), run('/usr/bin/a', '/usr/bin/sh'), run('/usr/bin/b', '/usr/bin/a')];
  assert.deepEqual(rulesOf('process', runs), [
    'Allow exact /usr/bin/sh',
    'Allow exact /usr/bin/a from /usr/bin/sh',
    'Allow exact /usr/bin/b from /usr/bin/a',
  ]);
});

test('a connection is allowed to its address and port, and to any address where there are many', () => {
  assert.deepEqual(rulesOf('network', [connected(443, 10, 0, 0, 1)]), ['Allow endpoint tcp 10.0.0.1/32 443 egress']);
  const many = Array.from({ length: 9 }, (_, index) => connected(443, 10, 0, 0, index));
  assert.deepEqual(rulesOf('network', many), ['Allow endpoint tcp 443 egress']);
  assert.deepEqual(rulesOf('network', [connected(45_000, 10, 0, 0, 1)]), [
    'Allow endpoint tcp 10.0.0.1/32 32768-65535 egress',
  ]);
});

test('a socket that one program only creates is allowed beside one that another uses', () => {
  const maker: ObservedAccess = {
    ...common,
    class: 'network',
    operations: ['communicate'],
    object: { kind: 'socket', family: 2, type: 1, protocol: 6, direction: 'none', port: 0, address: [] },
    program: '/usr/bin/b',
  };
  assert.deepEqual(rulesOf('network', [connected(443, 10, 0, 0, 1), maker]), [
    'Allow endpoint tcp 10.0.0.1/32 443 egress from /usr/bin/a',
    'Allow endpoint tcp 0 egress from /usr/bin/b',
  ]);
});

test('classes without observed accesses are blocked completely', () => {
  assert.deepEqual(rulesOf('network', []), ['Block protocol all']);
  assert.deepEqual(rulesOf('process', []), ['Block directory / true']);
  assert.equal(
    rulesOf('capabilities', []).every((rule) => rule.startsWith('Block capability ')),
    true,
  );
  assert.deepEqual(suggest([]).warnings, ['nothing was seen']);
});

test('each rule has its evidence, in a comment above it in the manifest', () => {
  const accesses = [
    { ...read('/data/a'), count: 3 },
    { ...read('/data/a', '/usr/bin/b'), count: 4 },
    {
      ...common,
      class: 'capabilities',
      operations: ['use'],
      object: { kind: 'capability', number: 0 },
      program: '',
    } as const,
  ];
  const suggestion = suggest(accesses);
  const { accesses: kinds, count, examples, programs } = suggestion.evidence.get('file.matchPaths[0]')!;
  assert.deepEqual([kinds, count, examples, [...programs]], [2, 7, ['/data/a'], ['/usr/bin/a', '/usr/bin/b']]);
  const text = suggestionText(suggestion);
  assert.match(text, / # seen 7 times: \/data\/a\n +- path: \/data\/a\n/);
  assert.match(text, / # seen once: chown\n +- capability: chown\n/);
  assert.match(text, / # nothing of the kind was seen\n +- protocol: all\n/);
});

test('programs without a path are reported, since no rule can allow them', () => {
  assert.deepEqual(suggest([run('', '/usr/bin/a')]).warnings, [
    'programs or files without a path were used, which no rule can allow',
  ]);
});
