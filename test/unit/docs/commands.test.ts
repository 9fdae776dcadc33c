import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EXIT } from '../../../src/cli/exit-status.js';
import { runProgram } from '../../../src/cli/program.js';
import { runHauberk, TestTerminal } from '../../support/command-line.js';
import { recordOf } from '../../support/event-record.js';
import { eventually } from '../../support/eventually.js';
import { commandsOn } from '../../support/page-commands.js';
import { start } from '../cli/support.js';
import { makeEvent } from '../events/support.js';

const WEB = {
  id: 'c1deadbeef',
  name: 'web',
  namespace: 'default',
  labels: { app: 'web' },
  origin: 'registered',
} as const;
const NAMESPACES = { pidNamespace: 11, mountNamespace: 12 };

const REPOSITORY = resolve('.');
const PAGES = ['README.md', 'examples/policies/README.md', ...readdirSync('docs').map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith('.md'),
);

/** The command lines of hauberk on a page, in order. */
const linesOf = (page: string) =>
  commandsOn(join(REPOSITORY, page))
    .filter((line) => line.startsWith('hauberk '))
    .map((line) => line.slice('hauberk '.length));

/** What runs other commands, or why nothing does. */
const OTHERS: readonly (readonly [line: RegExp, by: { readonly file: string } | { readonly nothing: string }])[] = [
  [
    /^(dpkg |hauberkd --check$|systemctl enable|docker exec web cat|docker run --detach --name web)/u,
    { file: 'tools/release/check-package' },
  ],
  [/^npm run release$/u, { file: 'tools/release/check' }],
  [/^(kubectl|helm) /u, { file: 'test/cluster/documentation.test.ts' }],
  [/^docker compose up/u, { file: 'test/long/compose.test.ts' }],
  [/^sed .*alerts\.yml$/u, { file: 'test/unit/docs/docs.test.ts' }],
  [/^hauberkd --kubearmor-listen /u, { file: 'test/kubelet/cluster.test.ts' }],
  [/^npm (test|run demo) /u, { nothing: 'one runs all tests, the other what they show' }],
  [/^cat \/sys\/kernel\/security\/lsm$/u, { nothing: 'prints what hauberkd --check reads' }],
  [/^karmor /u, { nothing: 'the module proxy has not all of its modules' }],
  [/^(buf generate|python -m grpc_tools)/u, { nothing: 'the example controllers are generated from the same files' }],
];

const manifest = (name: string) => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: web}}
  file: {matchPaths: [{path: /etc/shadow}]}
`;
const CASES = `cases:
  - {container: {labels: {app: web}}, operation: read, object: /etc/shadow, program: /bin/cat, expect: {action: block}}
`;

/** Stands for the programs that pages start by `hauberk run`: writes down how it was called. */
const PROGRAM = `#!/bin/sh
echo "\${0##*/} $*" >>ran
`;

/** A daemon with the container of the pages, and a directory with the files of their commands. */
async function prepare(t: TestContext) {
  const served = await start(t);
  const { plane, directory } = served;
  await plane.recordings.resume({ profiled: [], accesses: [] });
  await plane.tracker.register(WEB, NAMESPACES);
  const { PATH } = process.env;
  process.chdir(directory);
  process.env.PATH = `${directory}/bin:${PATH}`;
  t.after(() => {
    process.chdir(REPOSITORY);
    process.env.PATH = PATH;
  });
  for (const name of ['policies', 'bin', 'etc/docker']) mkdirSync(name, { recursive: true });
  for (const name of ['bin/make', 'agent']) writeFileSync(name, PROGRAM, { mode: 0o755 });
  writeFileSync('etc/docker/daemon.json', '{}\n');
  symlinkSync(join(REPOSITORY, 'examples'), 'examples');
  for (const name of ['policy', 'block', 'protect-shadow', 'web', 'build'])
    writeFileSync(`${name}.yaml`, manifest(name));
  writeFileSync('policies/kept.yaml', manifest('kept'));
  writeFileSync('policies/kept.test.yaml', CASES);
  assert.equal((await served.hauberk('backup', 'host.yaml')).status, 0);
  served.hub.publish([makeEvent({ containerName: 'web', time: BigInt(Date.now()) * 1_000_000n })]);
  return served;
}

type Served = Awaited<ReturnType<typeof prepare>>;

/** Runs `hauberk runtime` on the files of a host with Docker, where nothing runs that could reload them. */
async function runOnHost(line: string, directory: string): Promise<void> {
  const words = line.split(' ').filter((word) => word !== '--reload');
  const { status, output, errors } = await runHauberk([...words, '--root', directory], '', 'yes');
  const isStatus = words[1] === 'status';
  assert.equal(status, isStatus ? EXIT.notInForce : EXIT.ok, `${line}: ${errors}`);
  assert.match(output, isStatus ? /^docker +not-in/mu : /^wrote \/etc\/docker\/daemon\.json/mu);
}

async function runLine(line: string, { server, plane, directory }: Served): Promise<void> {
  const [command, into] = line.split(' > ') as [string, string?];
  const words = command
    .split(' ')
    .map((word) => word.replace(/^\/root\//u, `${directory}/`).replace(/^4711$/u, `${process.pid}`));
  if (words[0] === 'runtime') return runOnHost(line, directory);
  const parameters = ['--address', server.address, ...words];
  if (words[0] === 'watch' || (words.includes('-f') && words[0] === 'logs')) {
    const terminal = new TestTerminal();
    const ended = runProgram(parameters, terminal);
    await eventually(() => terminal.errors.includes('watching') || terminal.output.includes('DENIED web'), line);
    terminal.interrupt();
    assert.equal(await ended, 0, `${line}: ${terminal.errors}`);
    return;
  }
  const { status, output, errors } = await runHauberk(parameters);
  assert.equal(status, 0, `${line}: ${errors}`);
  if (words[0] === 'run') {
    const [, started] = line.split(' -- ') as [string, string];
    assert.equal(readFileSync('ran', 'utf8').trim(), started.replace('./', ''), line);
    rmSync('ran');
  }
  if (words[0] === 'logs') assert.match(output, /DENIED web/u);
  if (into !== undefined) writeFileSync(into, output);
  if (line.startsWith('profile start')) {
    plane.counts.add({ container: NAMESPACES, access: 1n }, 3);
    plane.recordings.observe(recordOf({ ...NAMESPACES, access: 1n }));
  }
}

for (const page of PAGES.filter((each) => linesOf(each).length > 0)) {
  test(`the commands on ${page} work as shown, in that order`, async (t) => {
    const served = await prepare(t);
    for (const line of linesOf(page)) await runLine(line, served);
  });
}

test('every other command of the pages is run by something, or it is said why not', () => {
  for (const page of PAGES)
    for (const line of commandsOn(page).filter((each) => !/^(hauberk |#|$)/u.test(each))) {
      const [found] = OTHERS.filter(([pattern]) => pattern.test(line));
      assert.ok(found !== undefined, `${page}: ${line}`);
      if ('file' in found[1]) assert.ok(existsSync(found[1].file), found[1].file);
    }
});
