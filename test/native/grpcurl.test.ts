import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { EventHub } from '../../src/events/hub.js';
import { type RunningServer, startServer } from '../../src/rpc/server.js';
import { createServices } from '../../src/rpc/services.js';
import { Grpcurl, skip } from '../support/grpcurl.js';
import { InMemoryControlPlane } from '../support/in-memory-control-plane.js';
import { SILENT } from '../support/silent-logger.js';

const SERVICES = [
  'ContainerService',
  'EventService',
  'HostService',
  'PolicyService',
  'ProfileService',
  'StateService',
  'TelemetryService',
];
const WRONG = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: by-grpcurl}
spec:
  selector: {matchLabels: {app: curled}}
  file: {matchPaths: [{path: etc/shadow}]}
`;

describe('grpcurl on a Unix socket, without .proto files', { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-grpcurl-'));
  const listen = `unix:${join(directory, 'hauberk.sock')}`;
  const grpcurl = new Grpcurl(listen);
  const { services, close } = createServices({
    plane: new InMemoryControlPlane(),
    hub: new EventHub(),
    descriptorSet: readFileSync('build/descriptors.binpb'),
  });
  let server: RunningServer;

  before(async () => {
    server = await startServer({
      listen,
      roles: { viewer: [], operator: [], admin: [] },
      services,
      logger: SILENT,
    });
  });

  after(async () => {
    await server.shutdown(0);
    close();
    rmSync(directory, { recursive: true });
  });

  test('list names every service of the API', async () => {
    const listed = (await grpcurl.ask('list')).trim().split('\n').sort();
    assert.deepEqual(
      listed.filter((name) => name.startsWith('hauberk.')),
      SERVICES.map((name) => `hauberk.v1.${name}`),
    );
  });

  test('describe shows every call that the .proto files define', async () => {
    for (const file of ['policy', 'container', 'event', 'host', 'profile', 'state', 'telemetry']) {
      const source = readFileSync(`proto/hauberk/v1/${file}.proto`, 'utf8');
      const service = /^service (\w+)/m.exec(source)![1]!;
      const described = await grpcurl.ask('describe', `hauberk.v1.${service}`);
      for (const [, method] of source.matchAll(/^ {2}rpc (\w+)/gm))
        assert.match(described, new RegExp(`rpc ${method} \\(`));
    }
    assert.match(await grpcurl.ask('describe', 'hauberk.v1.ApplyPolicyRequest'), /string manifest = 1/);
  });

  test('an error in a manifest is reported with field, line and column', async () => {
    const { status, stderr } = await grpcurl.call('hauberk.v1.PolicyService/ApplyPolicy', { manifest: WRONG });
    assert.notEqual(status, 0);
    assert.match(stderr, /Code: InvalidArgument/);
    assert.match(stderr, /spec\.file\.matchPaths\[0\]\.path/);
    assert.match(stderr, /line 6/);
    assert.match(stderr, /google\.rpc\.BadRequest/);
  });
});
