import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { Client, type ClientReadableStream, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { SERVICE_NAMES } from '../../src/rpc/services.js';
import { type Method, RandomMessages } from '../support/random-messages.js';
import { connectWith, serveGuarded } from '../unit/rpc/access-support.js';
import { manifest } from '../unit/rpc/support.js';
import { seedOf } from './runs.js';

const CALLS = Number(process.env.HAUBERK_REQUESTS ?? 2000);
/** The statuses that any call may end with. */
const EXPECTED: readonly string[] = [
  ...['OK', 'INVALID_ARGUMENT', 'NOT_FOUND', 'ABORTED', 'FAILED_PRECONDITION', 'RESOURCE_EXHAUSTED'],
];
/** May wait for a revision that never comes. */
const WAITING = '/hauberk.v1.HostService/WaitForRevision';
const WAIT_MILLISECONDS = 20;
const RULES = [
  { class: 'ACCESS_CLASS_FILE', path: '/etc/shadow', from_source: ['/bin/cat'], severity: 5, action: 'ACTION_AUDIT' },
  { class: 'ACCESS_CLASS_FILE', directory: { directory: '/srv/', recursive: true }, operations: ['write'] },
  { class: 'ACCESS_CLASS_PROCESS', pattern: '/usr/**/{a,b}*' },
  { class: 'ACCESS_CLASS_PROCESS', path: '/bin/ls', allowed_arguments: { arguments: ['-l'] } },
  {
    class: 'ACCESS_CLASS_NETWORK',
    endpoint: { protocol: 'tcp', cidr: '10.0.0.0/8', ports: '1-1023', direction: 'DIRECTION_EGRESS' },
  },
  { class: 'ACCESS_CLASS_CAPABILITY', capability: 'net_raw' },
  { class: 'ACCESS_CLASS_MOUNT', mount: { target: { path: '/mnt' }, type: 'tmpfs' } },
  { class: 'ACCESS_CLASS_PTRACE', trace: { operation: 'read' } },
];
/** A map as it is encoded. */
const LABELS = [{ key: 'app', value: 'web' }];
const policy = { name: 'typed', selector: { match_labels: LABELS }, rules: RULES, priority: 3 };
const container = { id: 'other', labels: LABELS, namespaces: { pid_namespace: 21, mount_namespace: 22 } };
const GOOD = {
  ApplyPolicy: { policy },
  ValidatePolicy: { manifest: manifest('given') },
  SyncPolicies: { manifest: manifest('kept'), policies: [policy] },
  DeletePolicy: { name: 'typed' },
  GetPolicy: { name: 'kept' },
  SetPosture: { namespace: 'default', postures: [{ class: 'ACCESS_CLASS_FILE', action: 'ACTION_BLOCK' }] },
  SetVisibility: { namespace: 'default', match_labels: LABELS, classes: ['ACCESS_CLASS_FILE'] },
  Explain: { container_id: 'web', operation: 'read', object: '/etc/shadow', program: '/bin/cat' },
  RegisterContainer: container,
  SyncContainers: { containers: [container] },
  UnregisterContainer: { id: 'other' },
  GetEffectivePolicy: { container_id: 'web' },
  StreamEvents: { policies: ['kept'], minimum_severity: 3, object_pattern: '/etc/*' },
  WaitForRevision: { revision: 1 },
  Diff: { policy, deleted: [{ name: 'kept' }] },
  StartProfile: { name: 'p', selector: { match_labels: LABELS } },
  StopProfile: { name: 'p' },
  GetProfile: { name: 'p' },
  SuggestPolicy: { name: 'p', policy_name: 'least', match_labels: LABELS },
  DeleteProfile: { name: 'p' },
};
const requests = new RandomMessages(readFileSync('build/descriptors.binpb'), SERVICE_NAMES, GOOD);

/** The name and details of the status of a call; a stream counts as OK once it has begun. */
async function call(client: Client, { path, responseStream }: Method, request: Uint8Array, waitMilliseconds?: number) {
  const same = (bytes: Uint8Array) => Buffer.from(bytes);
  const options = waitMilliseconds === undefined ? {} : { deadline: Date.now() + waitMilliseconds };
  const error = await new Promise<ServiceError | null>((resolve) => {
    if (!responseStream) {
      client.makeUnaryRequest(path, same, same, request, new Metadata(), options, resolve);
      return;
    }
    const stream: ClientReadableStream<Buffer> = client.makeServerStreamRequest(path, same, same, request);
    stream.on('error', resolve);
    stream.on('metadata', () => {
      resolve(null);
      stream.cancel();
    });
  });
  return { code: error === null ? 'OK' : status[error.code]!, details: error?.details ?? '' };
}

async function start(t: TestContext) {
  const served = await serveGuarded(t, { limits: { requestsPerSecond: 1_000_000, streamsPerClient: 10_000 } });
  const { plane } = served;
  const client = connectWith(t, Client, served.server);
  const inputs = plane.policies.readManifest(manifest('kept'));
  await plane.policies.apply(inputs);
  const web = { id: 'web', name: 'web', namespace: 'default', labels: { app: 'web' }, origin: 'docker' } as const;
  await plane.tracker.register(web, { pidNamespace: 11, mountNamespace: 12 });
  const state = () => ({
    desired: plane.ledger.desired,
    revision: plane.ledger.revision,
    commits: plane.commits.length,
    published: new Map(plane.kernel.published),
  });
  return { ...served, client, state };
}

test('a valid request of each method succeeds', async (t) => {
  const { client } = await start(t);
  for (const method of requests.methods) {
    const { code, details } = await call(client, method, method.good);
    assert.equal(code, 'OK', `${method.path}: ${details}`);
  }
});

test('any request ends with a status that explains the error, and a refused one changes nothing', async (t) => {
  const { client, logger, state } = await start(t);
  const codes = new Map<string, number>();
  const request = fc
    .constantFrom(...requests.methods)
    .chain((method) => requests.of(method).map((bytes) => ({ method, bytes })));
  await fc.assert(
    fc.asyncProperty(request, async ({ method, bytes }) => {
      const before = state();
      // The request may wait for a revision that never comes.
      const wait = method.path === WAITING ? WAIT_MILLISECONDS : undefined;
      const { code, details } = await call(client, method, bytes, wait);
      codes.set(code, (codes.get(code) ?? 0) + 1);
      const isExpected = EXPECTED.includes(code) || (code === 'DEADLINE_EXCEEDED' && method.path === WAITING);
      assert.ok(isExpected, `${method.path}: ${code} ${details}`);
      if (code === 'OK') return;
      assert.notEqual(details, '', method.path);
      assert.deepEqual(state(), before);
    }),
    { numRuns: CALLS, seed: seedOf(`${CALLS} requests`), includeErrorInReport: true },
  );
  assert.deepEqual(
    logger.lines.filter(({ level }) => level === 'error'),
    [],
  );
  // Checks that the random requests are varied enough.
  for (const code of ['OK', 'INVALID_ARGUMENT', 'NOT_FOUND']) assert.ok(codes.get(code)! > CALLS / 100, code);
  t.diagnostic([...codes].map(([code, count]) => `${count} ${code}`).join(', '));
});

test('a body without a valid message ends the call, changes nothing and harms no other call', async (t) => {
  const { server, client, logger, state } = await start(t);
  const session = connectHttp2('http://localhost', {
    createConnection: () => connect(server.address.slice('unix:'.length)),
  });
  t.after(() => session.destroy());
  const before = state();
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc
      .record({ flag: fc.constantFrom(0, 1, 255), length: fc.constantFrom(0, 1, 5, 2 ** 31, 2 ** 32 - 1) })
      .map(({ flag, length }) =>
        Buffer.concat([Buffer.of(flag), new BinaryWriter().fixed32(length).finish().reverse()]),
      ),
  );
  const path = '/hauberk.v1.ContainerService/RegisterContainer';
  await fc.assert(
    fc.asyncProperty(body, async (bytes) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      let ended = '';
      stream.on('response', (headers) => (ended = `${headers['grpc-status'] ?? ended}`));
      stream.on('trailers', (trailers) => (ended = `${trailers['grpc-status'] ?? ended}`));
      stream.on('error', () => undefined);
      stream.resume();
      stream.end(bytes);
      await once(stream, 'close');
      assert.notEqual(ended, '', Buffer.from(bytes).toString('hex'));
      assert.notEqual(status[Number(ended)], 'OK');
      assert.deepEqual(state(), before);
    }),
    { numRuns: 300, seed: seedOf('300 bodies'), includeErrorInReport: true },
  );
  assert.equal((await call(client, requests.methods[0]!, requests.methods[0]!.good)).code, 'OK');
  assert.deepEqual(
    logger.lines.filter(({ level }) => level === 'error'),
    [],
  );
});
