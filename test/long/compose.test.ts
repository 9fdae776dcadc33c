import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { composeServices, finalStage, runFlags } from '../support/compose.js';
import { removePins } from '../support/daemon.js';
import { DeployedDaemon } from '../support/deployed-daemon.js';
import { docker, exec, startContainer } from '../support/docker.js';
import { eventually } from '../support/eventually.js';
import { pinOfMap } from '../support/map-pin.js';

const { hauberkd, prometheus } = composeServices();
const { base, entryPoint } = finalStage();
const daemon = new DeployedDaemon();
const flags = runFlags(hauberkd);
const PINS = '/sys/fs/bpf/hauberk';
const MANIFEST = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: by-compose}
spec:
  selector: {matchLabels: {app: composed}}
  file: {matchPaths: [{path: /etc/shadow}]}
  process: {matchPaths: [{path: /bin/ls}]}`;

const FOR_EVERYTHING = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: for-everything}
spec: {selector: {matchLabels: {}}, file: {matchPaths: [{path: /etc/gshadow}]}}`;
const FOR_THE_HOST = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: for-the-host}
spec: {nodeSelector: {matchLabels: {}}, file: {matchPaths: [{path: /tmp/host-secret}]}}`;

before(() => {
  execFileSync('tools/vm/docker', { stdio: 'inherit' });
  // Images cannot be pulled here. One with the name of the base, made of this machine's files, has what the final stage
  // has: Node.js, libbpf and their libraries.
  execFileSync('tools/vm/image', [base, `/usr/bin/node=${process.execPath}`, libbpf()], { stdio: 'inherit' });
  execFileSync('tools/vm/image', ['--merged-usr', 'composed', '/bin/cat', '/bin/sleep', '/bin/ls'], {
    stdio: 'inherit',
  });
  startContainer('composed', 'composed', '--label', 'app=composed');
  startContainer('composed', 'other');
});

after(async () => {
  daemon.client.close();
  docker('rm', '-f', 'hauberkd', 'composed', 'other');
  removePins(PINS);
});

test('hauberkd in a container, started as docker-compose.yml says, enforces on another container', async () => {
  const [program, ...parameters] = entryPoint;
  await daemon.start([
    ...['/usr/bin/docker', 'run', '--name=hauberkd', ...flags],
    ...[`--volume=${process.cwd()}:/opt/hauberk:ro`, '--workdir=/opt/hauberk'],
    ...[base, program!, ...parameters],
  ]);
  const [, mask] = /^CapBnd:\s*(\w+)$/m.exec(readFileSync(`/proc/${hauberkdPid()}/status`, 'utf8'))!;
  assert.equal(BigInt(`0x${mask}`).toString(2).replaceAll('0', '').length, hauberkd.cap_add!.length);
  const events = await daemon.client.stream();
  await daemon.client.call('PolicyService', 'ApplyPolicy', { manifest: MANIFEST });
  const { status, output } = exec('composed', '/bin/cat', '/etc/shadow');
  assert.equal(`${status} ${output}`, '1 /bin/cat: /etc/shadow: Permission denied\n');
  // hauberkd sees the merged /usr of that root even from inside its own container.
  assert.match(exec('composed', '/bin/ls', '/').output, /ermission denied/);
  assert.equal(exec('other', '/bin/cat', '/etc/shadow').status, 0);
  const event = await events.find(({ object }) => object === '/etc/shadow');
  assert.equal(event.containerName, 'composed');
  assert.equal(event.policy, 'by-compose');
  assert.equal(event.parentProgram !== '', true);
  events.cancel();
});

test("hauberkd in a container does not take its own mount namespace for the host's", async () => {
  const register = (pid: number) =>
    daemon.client.call('ContainerService', 'RegisterContainer', { id: `process-${pid}`, pid }).then(
      () => 'registered',
      ({ details }: { details: string }) => details,
    );
  // This process lives on the host, and so does process 1.
  assert.match(await register(process.pid), /host's own mount namespace/);
  assert.match(await register(1), /host's own mount namespace/);
  assert.notEqual(statSync(`/proc/${hauberkdPid()}/ns/mnt`).ino, statSync('/proc/1/ns/mnt').ino);
});

test('the shipped configuration of Prometheus has the address of the metrics', async () => {
  const [, target] = /targets: \["(.*)"\]/.exec(readFileSync('packaging/prometheus/prometheus.yml', 'utf8'))!;
  const text = await (await fetch(`http://${target}/metrics`)).text();
  assert.match(text, /^hauberk_enforcing 1$/m);
  assert.equal(prometheus.network_mode, 'host');
});

test('without its container the enforcement continues, and a new container takes over, even under policies that reach both', async () => {
  const apply = (manifest: string) => daemon.client.call('PolicyService', 'ApplyPolicy', { manifest });
  await apply(FOR_THE_HOST);
  const { changes } = await apply(FOR_EVERYTHING);
  assert.ok(changes[0].containerIds.includes(docker('inspect', '--format', '{{.Id}}', 'hauberkd').output.trim()));
  // hauberkd now runs in a container that the policy reaches, whose access to its own maps must continue.
  await apply(FOR_EVERYTHING.replace('gshadow', 'shadow-'));
  assert.equal(docker('rm', '-f', 'hauberkd').status, 0);
  const refused = exec('composed', '/bin/cat', '/etc/shadow');
  assert.equal(refused.status, 1, refused.output);
  await startAgain();
  const { adopted, policies } = await daemon.client.call('HostService', 'GetStatus');
  assert.deepEqual({ adopted, policies }, { adopted: true, policies: 3 });
  assert.equal(exec('composed', '/bin/cat', '/etc/shadow').status, 1);
});

test('a container with another build of hauberkd takes over too, under policies that reach both and the host', async () => {
  assert.equal(docker('rm', '-f', 'hauberkd').status, 0);
  const programs = join(PINS, 'programs');
  const build = readdirSync(programs)[0]!;
  // To the next hauberkd these look like programs of another build, with unreadable images and maps of other sizes.
  renameSync(join(programs, build), join(programs, 'other'));
  for (const map of ['containers', 'counters'].map((name) => pinOfMap(PINS, name))) renameSync(map, `${map}0`);
  assert.equal(exec('composed', '/bin/cat', '/etc/shadow').status, 1);
  await startAgain();
  const { adopted, policies } = await daemon.client.call('HostService', 'GetStatus');
  assert.deepEqual({ adopted, policies }, { adopted: false, policies: 3 });
  assert.equal(exec('composed', '/bin/cat', '/etc/shadow').status, 1);
  await eventually(() => readdirSync(programs).join() === build, 'the end of the programs of the other build');
  assert.equal(exec('composed', '/bin/cat', '/etc/shadow').status, 1);
});

function startAgain() {
  return daemon.start([
    ...['/usr/bin/docker', 'run', '--name=hauberkd', ...flags],
    ...[`--volume=${process.cwd()}:/opt/hauberk:ro`, base, ...entryPoint],
  ]);
}

function hauberkdPid(): string {
  return docker('inspect', '--format', '{{.State.Pid}}', 'hauberkd').output.trim();
}

function libbpf(): string {
  const cache = execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  return /libbpf\.so\.1 .*=> (\S+)/.exec(cache)![1]!;
}
