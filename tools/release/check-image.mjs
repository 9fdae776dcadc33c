/**
 * Unpacks the image of a release and checks it, as root: its programs run in a root of its own without a shell, its
 * configuration and the probe of the pods name commands that are there, and licences and origin of what it contains
 * are stated. Usage: node tools/release/check-image.mjs IMAGE.oci.tar BILL-OF-MATERIALS DIRECTORY
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse, parseAllDocuments } from 'yaml';

const [file, billOfMaterials, directory] = process.argv.slice(2);
const layout = join(directory, 'layout');
const root = join(directory, 'root');
const LICENSES = join(root, 'usr/share/doc/hauberk/licenses');
const json = (path) => JSON.parse(readFileSync(path, 'utf8'));
const digestOf = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const { version } = json('package.json');

function check(what, condition, found = '') {
  assert.ok(condition, `${what}: ${found}`);
  console.log(`✔ ${what}`);
}

/** The path of a blob, whose digest is as described. */
function blob({ digest }) {
  const path = join(layout, 'blobs', digest.replace(':', '/'));
  assert.equal(digestOf(readFileSync(path)), digest);
  return path;
}

/** Runs a command in the image as a runtime would, without a daemon. */
function run(...command) {
  const { status, stdout, stderr } = spawnSync('/usr/sbin/chroot', [root, ...command], {
    env: environment,
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

for (const each of [layout, root]) mkdirSync(each, { recursive: true });
execFileSync('tar', ['--extract', '--directory', layout, '--file', file]);
const manifest = json(blob(json(join(layout, 'index.json')).manifests[0]));
const { config, rootfs } = json(blob(manifest.config));
const environment = Object.fromEntries(config.Env.map((each) => each.split('=')));
const layers = manifest.layers.map((each) => gunzipSync(readFileSync(blob(each))));
assert.deepEqual(layers.map(digestOf), rootfs.diff_ids);
for (const input of layers) execFileSync('tar', ['--extract', '--directory', root], { input });

const client = run('hauberk', 'version', '--client');
check('hauberk is on the PATH and runs', client.status === 0 && client.output.includes(version), client.output);
const daemon = run(...config.Entrypoint, '--version');
check('the entry point is hauberkd', daemon.output === `hauberkd ${version}\n`, daemon.output);

const [kind, ...health] = config.Healthcheck.Test;
assert.equal(kind, 'CMD');
const [daemonSet] = parseAllDocuments(readFileSync('packaging/kubernetes/daemonset.yaml', 'utf8'))
  .map((document) => document.toJS())
  .filter((each) => each.kind === 'DaemonSet');
const [{ readinessProbe }] = daemonSet.spec.template.spec.containers;
for (const command of [health, readinessProbe.exec.command]) {
  const { status, output } = run(...command);
  check(
    `${command.join(' ')} runs, and misses the daemon`,
    status === 3 && /cannot reach hauberkd/u.test(output),
    output,
  );
}

for (const shell of ['sh', 'bash', 'dash', 'busybox']) {
  check(`there is no ${shell}`, run(`/bin/${shell}`).status === 127 && run(shell).status === 127);
}
const commands = ['usr/bin', 'usr/sbin'].flatMap((each) => readdirSync(join(root, each)));
check('there are no other commands', commands.join() === 'hauberk,hauberk-pod,hauberkd', commands);

// The pods that install the hook, on a node that has CRI-O.
mkdirSync(join(root, 'host/etc/crio'), { recursive: true });
for (const [action, installed] of [
  ['install', true],
  ['uninstall', false],
]) {
  const { spec } = parse(readFileSync(`packaging/kubernetes/hook-${action}.yaml`, 'utf8')).spec.template;
  const { status, output } = run(...spec.initContainers[0].command);
  const isInstalled = existsSync(join(root, 'host/etc/crio/hauberk-hooks.d/hauberk.json'));
  check(`a pod can ${action} the hook`, status === 0 && isInstalled === installed, output);
  const [program, ...parameters] = spec.containers[0].command;
  const stopped = spawnSync('/usr/sbin/chroot', [root, program, ...parameters], { env: environment, timeout: 1000 });
  check('and then waits to be stopped', stopped.signal === 'SIGTERM', stopped.stderr);
}

const libraries = ['usr/lib', 'usr/lib64', 'usr/lib/hauberk/lib']
  .flatMap((each) => readdirSync(join(root, each)))
  .filter((name) => name.includes('.so'));
const named = json(billOfMaterials).packages.map(({ name }) => name);
for (const library of libraries) {
  const owners = execFileSync('dpkg-query', ['--search', `*/x86_64-linux-gnu/${library}`], { encoding: 'utf8' });
  const owner = owners.split(':')[0];
  check(`the bill of materials names the package of ${library}`, named.includes(owner), owner);
  check(`the copyright of ${owner} is there`, existsSync(join(LICENSES, owner)));
}
const copyrights = readdirSync(LICENSES, { withFileTypes: true }).filter((each) => each.isFile());
const texts = copyrights.flatMap(({ name }) =>
  [...readFileSync(join(LICENSES, name), 'utf8').matchAll(/\/usr\/share\/common-licenses\/[\w.-]*\w/gu)].map(String),
);
check(
  'the licences that they refer to are there',
  texts.length > 0 && texts.every((text) => existsSync(join(root, text))),
);
const gpl = readFileSync('bpf/LICENSE', 'utf8');
check("the BPF programs' licence is there", readFileSync(join(LICENSES, 'hauberk-bpf'), 'utf8') === gpl);
