import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { EventHub } from '../../src/events/hub.js';
import { startServer } from '../../src/rpc/server.js';
import { createServices } from '../../src/rpc/services.js';
import { CertificateAuthority } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import { InMemoryControlPlane } from '../support/in-memory-control-plane.js';
import { SILENT } from '../support/silent-logger.js';
import { makeEvent } from '../unit/events/support.js';

const DESCRIPTORS = readFileSync('build/descriptors.binpb');
const NOT_AVAILABLE = 77;
const MANIFEST = readFileSync('examples/controller/policies.yaml', 'utf8');

/** The command that runs the controller of a language; where it cannot be built, skips the test and returns undefined. */
async function commandOf(t: TestContext, language: string): Promise<readonly string[] | undefined> {
  const build = spawn('tools/example-controller', [language], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = Promise.all([text(build.stdout), text(build.stderr)]);
  const [status] = await once(build, 'close');
  const [command, reason] = await output;
  if (status === NOT_AVAILABLE) {
    t.skip(reason.trim().split('\n').at(-1));
    return undefined;
  }
  assert.equal(status, 0, reason);
  return command.trim().split('\n');
}

/** An in-memory daemon with TLS, which can be stopped and started again at the same address. */
function daemonFor(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-controller-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const authority = new CertificateAuthority(directory);
  const own = authority.issue('server', '/CN=server', ['IP:127.0.0.1']);
  const plane = new InMemoryControlPlane();
  const hub = new EventHub();
  const { services, close } = createServices({ plane, hub, descriptorSet: DESCRIPTORS });
  t.after(close);
  const start = async (listen: string) => {
    const server = await startServer({
      listen,
      tls: { ...own, clientCa: authority.certificate },
      roles: { viewer: ['cn:reader'], operator: [], admin: ['cn:controller'] },
      services,
      logger: SILENT,
    });
    t.after(() => server.shutdown(0));
    return server;
  };
  return { directory, authority, plane, hub, start };
}

type Setting = ReturnType<typeof daemonFor>;

function startController(
  t: TestContext,
  command: readonly string[],
  { directory, authority }: Setting,
  name: string,
  address: string,
) {
  const { certificate, key } = authority.issue(name, `/CN=${name}`);
  const policies = join(directory, 'policies.yaml');
  const containers = join(directory, 'containers.json');
  writeFileSync(policies, MANIFEST);
  writeFileSync(containers, JSON.stringify({ containers: [{ id: 'c1', pid: process.pid, labels: { app: 'web' } }] }));
  const [program, ...parameters] = command;
  const child: ChildProcess = spawn(
    program!,
    [
      ...parameters,
      ...['--address', address, '--ca', authority.certificate, '--certificate', certificate, '--key', key],
      ...['--policies', policies, '--containers', containers],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  t.after(() => child.kill('SIGKILL'));
  const events: { hostPid: number; policy: string }[] = [];
  const log: string[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => events.push(JSON.parse(line)));
  createInterface({ input: child.stderr! }).on('line', (line) => log.push(line));
  return { events, log, ended: once(child, 'close') };
}

for (const language of ['go', 'python']) {
  test(`the controller in ${language} syncs, and resumes its stream after a lost connection`, async (t) => {
    const command = await commandOf(t, language);
    if (command === undefined) return;
    const setting = daemonFor(t);
    const { plane, hub, start } = setting;
    const server = await start('127.0.0.1:0');
    await plane.policies.apply(plane.policies.readManifest(MANIFEST.replace('protect-shadow', 'left-over')));
    const { events, log } = startController(t, command, setting, 'controller', server.address);
    await eventually(() => hub.counts().subscribers === 1, 'a stream of events');
    assert.deepEqual(
      plane.policies.list().map(({ name }) => name),
      ['protect-shadow'],
    );
    const [container] = plane.containers.list();
    assert.deepEqual([container?.id, container?.labels], ['c1', { app: 'web' }]);
    assert.deepEqual(plane.containers.policyKeysOf(container!), ['default/protect-shadow']);

    const received = () => events.map(({ hostPid }) => hostPid).join();
    hub.publish([makeEvent({ hostPid: 1 })]);
    await eventually(() => received() === '1', 'the first event');
    await server.shutdown(0);
    hub.publish([makeEvent({ hostPid: 2 })]);
    await start(server.address);
    await eventually(() => received() === '1,2', 'the event from the time without a connection');
    hub.publish([makeEvent({ hostPid: 3 })]);
    await eventually(() => received() === '1,2,3', 'the event after that');
    assert.equal(events[0]!.policy, 'no-shadow');
    assert.ok(log.some((line) => line.includes('1 policies and 1 containers are in force at revision')));
  });

  test(`the controller in ${language} ends with the reason when its role is too low`, async (t) => {
    const command = await commandOf(t, language);
    if (command === undefined) return;
    const setting = daemonFor(t);
    const server = await setting.start('127.0.0.1:0');
    const { log, ended } = startController(t, command, setting, 'reader', server.address);
    const [status] = await ended;
    assert.equal(status, 1);
    assert.match(log.join('\n'), /SyncPolicies needs the role admin; cn:reader has the role viewer/);
    assert.equal(setting.plane.policies.list().length, 0);
  });
}
