import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';

const read = (path: string) => readFileSync(path, 'utf8');
const MAP = read('CONTRIBUTING.md');
/** Looks like a path, but is the name of a module for other programs. */
const NO_FILES = ['hauberk/client'];
/** Headers of the kernel and of the C library, and generated files. */
const OF_OTHERS = /^(?:arch|include|linux|sys|src\/generated)\//u;

/** The words in all inline code; a built test file stands for its source. */
const wordsOf = (text: string) =>
  [...text.matchAll(/`([^`\n]+)`/gu)].flatMap(([, code]) =>
    code!.split(/\s+/u).map((word) => word.replace(/^build\/(test\/.*)\.js$/u, '$1.ts')),
  );

/** The first cell of each row of the table that has this heading. */
function firstCells(heading: string): string[] {
  const [table] = MAP.slice(MAP.indexOf(`| ${heading} |`)).split('\n\n');
  return [...table!.matchAll(/^\| `([^`]+)` \|/gmu)].map(([, cell]) => cell!);
}

const isWritten = (folder: string) => folder !== 'src/generated';
const FOLDERS = firstCells('folder').filter(isWritten);

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((each) => {
    const path = join(directory, each.name);
    if (each.isDirectory()) return isWritten(path) ? filesBelow(path) : [];
    return [path];
  });
}

/** The entries at the top of the repository; without git, as in a source archive, all that exist. */
function topEntries(): string[] {
  const { status, stdout } = spawnSync('git', ['ls-files'], { encoding: 'utf8' });
  const ignored = new Set([...read('.gitignore').split('\n'), '.git'].map((each) => each.replace(/\/$/u, '')));
  const paths = status === 0 && stdout !== '' ? stdout.trim().split('\n') : readdirSync('.');
  return [...new Set(paths.map((path) => path.split('/')[0]!))].filter((each) => !ignored.has(each));
}

/** Whether such a file exists; `*` stands for a part of a name. */
function isThere(path: string): boolean {
  if (!path.includes('*')) return existsSync(path);
  const [before, after] = path.slice(path.lastIndexOf('/') + 1).split('*') as [string, string];
  return readdirSync(dirname(path)).some((name) => name.startsWith(before) && name.endsWith(after));
}

const COMMENT = /^\s*(?:\/\/|\/?\*)|\/\*/u;
/** A header without a directory may be the kernel's. */
const filesInComments = (path: string) =>
  read(path)
    .split('\n')
    .filter((line) => COMMENT.test(line))
    .flatMap((line) => line.match(/(?<![\w./<-])(?:[\w-]+\/)*[\w-]+(?:\.ts|(?<=\/[\w-]+)\.h)\b/gu) ?? []);

const isPath = (word: string) => /^[\w.-]+(?:\/[\w.*-]+)+\/?$/u.test(word) && !NO_FILES.includes(word);

/** What a file imports, statically or lazily: own modules as a path without extension, others as the package. */
function importsOf(path: string, pattern = /(?:from|import\(?)\s*'([^']+)'/gu): string[] {
  return [...read(path).matchAll(pattern)].map(([, name]) =>
    name!.startsWith('.') ? join(dirname(path), name!) : name!,
  );
}

/** The same without what is imported for its types alone. */
const valueImportsOf = (path: string) =>
  importsOf(path, /^(?:(?:import|export)\s+(?!type\b)(?:[\w$\s{},*]+\sfrom\s+)?|.*\bawait import\()'([^']+)'/gmu);

const folderOf = (path: string) => FOLDERS.find((folder) => path.startsWith(`${folder}/`));

describe('the map in CONTRIBUTING', () => {
  test('has every folder of src', () => {
    const folders = readdirSync('src', { withFileTypes: true }).filter((each) => each.isDirectory());
    assert.deepEqual(
      [...FOLDERS].sort(),
      folders
        .map(({ name }) => `src/${name}`)
        .filter(isWritten)
        .sort(),
    );
  });

  test('has everything at the top of the tree', () => {
    const named = new Set(wordsOf(MAP).map((word) => word.replace(/[/,]*$/u, '')));
    assert.deepEqual(
      topEntries().filter((entry) => entry !== 'src' && !named.has(entry)),
      [],
    );
  });

  test('names existing files', () => {
    const files = wordsOf(MAP).filter((word) => isPath(word) || /^[\w-]+\.(?:md|json|ya?ml)$/u.test(word));
    assert.ok(files.length > 100);
    assert.deepEqual(
      files.filter((file) => !isThere(file)),
      [],
    );
  });

  test('names identifiers that are in the files of the same row', () => {
    const rows = MAP.slice(MAP.indexOf('## Where to change what')).split('\n');
    let count = 0;
    for (const row of rows.filter((line) => line.startsWith('| '))) {
      const words = wordsOf(row);
      const texts = words.filter((word) => isPath(word) && /\.\w+$/u.test(word) && !word.includes('*')).map(read);
      for (const word of words.filter((each) => /^#?[A-Za-z_]\w*$/u.test(each))) {
        const name = new RegExp(`\\b${word.replace('#', '')}\\b`, 'u');
        assert.ok(texts.some((text) => name.test(text)) || existsSync(word), `${word} in: ${row}`);
        count++;
      }
    }
    assert.ok(count > 30);
  });
});

describe('a kind of rule', () => {
  /** Other meanings of the words: a level of the log, and a process that could act as the source of a rule. */
  const OTHERS = ['src/config/flags.ts', 'src/events/describe.ts'];
  const NAMES = /\bptrace|'trace'|\btrace[:,]|\bTrace(?:Match|Operation)|\bTRACE_|\bPTRACE\b/u;

  test('is named in no other files than CONTRIBUTING says', () => {
    const section = MAP.slice(MAP.indexOf('### A kind of rule')).split('\n## ')[0]!;
    const listed = wordsOf(section).map((word) => word.replace('mounts.ts', 'ptrace.ts'));
    const files = filesBelow('src').filter((file) =>
      read(file)
        .split('\n')
        .some((line) => NAMES.test(line) && !COMMENT.test(line)),
    );
    assert.deepEqual(
      files.filter((file) => !listed.includes(file)),
      OTHERS,
    );
  });
});

describe('the folders of src', () => {
  test('import only from folders below them in CONTRIBUTING', () => {
    const wrong = filesBelow('src').flatMap((file) => {
      const own = folderOf(file);
      return importsOf(file).filter((path) => {
        const other = folderOf(path);
        return own !== undefined && other !== undefined && FOLDERS.indexOf(other) < FOLDERS.indexOf(own);
      });
    });
    assert.deepEqual(wrong, []);
  });

  test('import libraries only where CONTRIBUTING says so', () => {
    const users = new Map<string, Set<string>>();
    for (const file of filesBelow('src').filter((each) => each.endsWith('.ts'))) {
      const folder = folderOf(file) ?? 'src';
      for (const name of importsOf(file)) users.set(name, (users.get(name) ?? new Set()).add(folder));
    }
    const usersOf = (name: string) => [...(users.get(name) ?? [])].sort();
    assert.deepEqual(usersOf('@grpc/grpc-js'), [
      ...['src/client', 'src/metrics', 'src/rpc', 'src/runtime-setup', 'src/sources'],
    ]);
    assert.deepEqual(usersOf('koffi'), ['src/native']);
    assert.deepEqual(usersOf('dockerode'), ['src/runtime-setup', 'src/sources']);
    assert.deepEqual(usersOf('classic-level'), ['src/store']);
    assert.deepEqual(usersOf('prom-client'), ['src/metrics']);
    assert.deepEqual(usersOf('commander'), ['src/cli', 'src/config']);
    assert.deepEqual(usersOf('ipaddr.js'), ['src/policy']);
  });

  test('leave pointers to src/native', () => {
    const others = filesBelow('src').filter((file) => !file.startsWith('src/native/'));
    const ofPointers = ['object-functions', 'object-constants', 'shipped-library'].map(
      (name) => `src/native/${name}.js`,
    );
    assert.deepEqual(
      others.filter((file) => importsOf(file).some((path) => ofPointers.includes(path))),
      [],
    );
  });

  test('read and write the encoding of objects only where CONTRIBUTING says so', () => {
    const others = filesBelow('src').filter((file) => !file.startsWith('src/image/'));
    const usersOf = (name: string) => others.filter((file) => importsOf(file).includes(`src/image/${name}.js`)).sort();
    assert.deepEqual(usersOf('read-object-key'), [
      ...['src/events/describe.ts', 'src/events/observed.ts', 'src/store/stored-access.ts'],
    ]);
    assert.deepEqual(usersOf('write-object-key'), ['src/profile/judge.ts', 'src/profile/observed-access.ts']);
    const kinds = others.filter((file) => importsOf(file).some((path) => path.startsWith('src/image/kinds/')));
    assert.deepEqual([...usersOf('object-keys'), ...usersOf('key-digits'), ...kinds], []);
  });

  test('import packages that come with a release, by names that their authors keep', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    const files = filesBelow('src').filter((each) => each.endsWith('.ts'));
    const isPackage = (name: string) => !/^(?:node:|src\/)/u.test(name) && !NO_FILES.includes(name);
    const packages = new Set(files.flatMap(valueImportsOf).filter(isPackage));
    const paths = [...packages].filter((name) => dependencies[name] === undefined);
    // The first and the last are among the names that their packages export, test/unit/rpc/library-internals.test.ts
    // pins the second.
    assert.deepEqual(paths.sort(), [
      '@bufbuild/protobuf/wire',
      '@grpc/reflection/build/src/implementations/reflection-v1.js',
      '@opentelemetry/otlp-exporter-base/node-http',
    ]);
    for (const path of paths) assert.ok(dependencies[path.split('/').slice(0, 2).join('/')], path);
  });

  test('import every package of a release for more than its types, which only building needs', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    const files = filesBelow('src').filter((each) => each.endsWith('.ts'));
    const used = new Set(files.flatMap(valueImportsOf));
    const isUsed = (name: string) => [...used].some((path) => path === name || path.startsWith(`${name}/`));
    assert.deepEqual(
      Object.keys(dependencies).filter((name) => !isUsed(name)),
      [],
    );
    assert.ok(!isUsed('ajv'));
  });

  test('log errors as `err`, of which alone pino writes message and stack', () => {
    const CALL = /\.(?:fatal|error|warn|info|debug|trace)\(\s*\{([^}]*)\}/gu;
    const files = filesBelow('src').filter((each) => each.endsWith('.ts'));
    const logged = files.flatMap((file) =>
      Array.from(read(file).matchAll(CALL), ([, fields]) => ({ file, fields: fields! })),
    );
    assert.ok(logged.length > 40);
    assert.deepEqual(
      logged.filter(({ fields }) => /(?:^|,)\s*error\s*(?:[:,]|$)/u.test(fields)),
      [],
    );
  });

  test('name only existing files in comments', () => {
    const sources = ['src', 'bpf', 'helpers', 'test', 'tools', 'bench'].flatMap(filesBelow);
    const endings = sources.map((path) => `/${path}`);
    const isKnown = (name: string) => OF_OTHERS.test(name) || endings.some((path) => path.endsWith(`/${name}`));
    const wrong = sources
      .filter((path) => /^(?:src|bpf|helpers)\/.*\.(?:ts|h|c)$/u.test(path))
      .flatMap((path) => filesInComments(path).flatMap((name) => (isKnown(name) ? [] : [`${path}: ${name}`])));
    assert.deepEqual(wrong, []);
  });
});
