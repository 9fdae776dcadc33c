import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const DIRECTORY = resolve('build/program');

/** Runs Node.js in a directory without packages: a program finds its own relative to itself. */
function run(...parameters: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, parameters, { cwd: '/', encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('the bundled programs start in any directory', () => {
  const { version } = JSON.parse(run('-p', `fs.readFileSync('${resolve('package.json')}', 'utf8')`).stdout);
  assert.deepEqual(run(`${DIRECTORY}/hauberkd.js`, '--version'), {
    status: 0,
    stdout: `hauberkd ${version}\n`,
    stderr: '',
  });
  assert.deepEqual(run(`${DIRECTORY}/hauberk.js`, '--version'), { status: 0, stdout: `${version}\n`, stderr: '' });
});

test('every chunk of the bundled programs can be loaded alone', () => {
  const parts = readdirSync(DIRECTORY).filter((name) => /-[A-Z0-9]{8}\.js$/.test(name));
  assert.ok(parts.some((name) => name.startsWith('daemon-')));
  const script = parts.map((name) => `await import('${pathToFileURL(`${DIRECTORY}/${name}`)}');`).join('\n');
  const loaded = run('--input-type=module', '--eval', `${script}\nprocess.exit(0)`);
  assert.deepEqual(loaded, { status: 0, stdout: '', stderr: '' });
});

/** The packages in a program and its static imports. */
function packagesOf(name: string, seen = new Set<string>()): Set<string> {
  if (seen.has(name)) return new Set();
  seen.add(name);
  const { sources } = JSON.parse(readFileSync(`${DIRECTORY}/${name}.map`, 'utf8')) as { sources: string[] };
  const packages = sources.map((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? 'hauberk');
  const imports = readFileSync(`${DIRECTORY}/${name}`, 'utf8').matchAll(/(?:from|^import) "\.\/([^"]+)";$/gm);
  return new Set([...packages, ...Array.from(imports, ([, imported]) => [...packagesOf(imported!, seen)]).flat()]);
}

test('a program statically imports only what each run needs', () => {
  const client = packagesOf('hauberk.js');
  const daemon = packagesOf(readdirSync(DIRECTORY).find((name) => /^daemon-\w+\.js$/.test(name))!);
  for (const name of ['@grpc/grpc-js', 'ajv', 'yaml', 'dockerode', 'protobufjs']) assert.ok(!client.has(name), name);
  const lazy = ['ajv', 'dockerode', '@grpc/reflection', 'protobufjs', '@opentelemetry/sdk-logs'];
  for (const name of lazy) assert.ok(!daemon.has(name), name);
  assert.ok(client.has('commander') && daemon.has('@grpc/grpc-js') && daemon.has('yaml'));
  assert.ok(!packagesOf('hauberkd.js').has('@grpc/grpc-js'));
});

test('lazy imports have the names that are used: a bundled CommonJS package has only `default`', async () => {
  for (const program of readdirSync(DIRECTORY).filter((name) => name.endsWith('.js'))) {
    const text = readFileSync(`${DIRECTORY}/${program}`, 'utf8');
    for (const [, part] of text.matchAll(/\bimport\("\.\/([^"]+)"\)/g)) {
      const names = Object.keys(await import(pathToFileURL(`${DIRECTORY}/${part}`).href));
      const asks = new RegExp(`\\{ default: \\w+ \\} = await import\\("\\./${part}"\\)`);
      assert.equal(names.join() === 'default', asks.test(text), part);
    }
  }
});
