import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { docker, enter, startContainer } from '../support/docker.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';
import { SharedDaemon } from '../support/shared-daemon.js';

const GRPCURL = process.env.HAUBERK_GRPCURL ?? '';
const skip = GRPCURL === '' && 'HAUBERK_GRPCURL names no grpcurl; tools/test builds one where Go is installed';
const SERVICES = [
  'ContainerService',
  'EventService',
  'HostService',
  'PolicyService',
  'ProfileService',
  'StateService',
  'TelemetryService',
];
/** The standard definition: the server's reflection reports only Hauberk's own services. */
const HEALTH = ['-import-path', 'node_modules/grpc-health-check/proto', '-proto', 'health/v1/health.proto'];
const MANIFEST = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: by-grpcurl}
spec:
  selector: {matchLabels: {app: curled}}
  file: {matchPaths: [{path: /etc/shadow}]}
`;

// A third-party client, which knows only what the server's reflection reports.
describe('grpcurl on the Unix socket', { skip }, () => {
  const daemon = new SharedDaemon();
  // The address as --listen takes it; the flag -unix of grpcurl 1.9.3 dials TCP whatever it is given.
  const address = daemon.address;
  const connection = ['-plaintext', '-max-time', '60'];

  const grpcurl = (input: string, ...parameters: string[]) => {
    const { status, stdout, stderr } = spawnSync(GRPCURL, parameters, { input, encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const ask = (...verb: string[]) => {
    const { status, stdout, stderr } = grpcurl('', ...connection, address, ...verb);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const call = (method: string, request: object = {}) =>
    grpcurl(JSON.stringify(request), ...connection, '-d', '@', address, method);
  const answer = (method: string, request: object = {}) => {
    const { status, stdout, stderr } = call(method, request);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  };

  before(async () => {
    makeProgramsImage();
    startContainer(PROGRAMS_IMAGE, 'curled', '--label', 'app=curled');
    await daemon.start();
  });

  after(async () => {
    await daemon.release();
    docker('rm', '-f', 'curled');
  });

  test('list names every service of the API', () => {
    const listed = ask('list').trim().split('\n').sort();
    assert.deepEqual(
      listed.filter((name) => name.startsWith('hauberk.')),
      SERVICES.map((name) => `hauberk.v1.${name}`),
    );
  });

  test('describe shows every call that the .proto files define', () => {
    for (const file of ['policy', 'container', 'event', 'host', 'profile', 'state']) {
      const source = readFileSync(`proto/hauberk/v1/${file}.proto`, 'utf8');
      const service = /^service (\w+)/m.exec(source)![1]!;
      const described = ask('describe', `hauberk.v1.${service}`);
      for (const [, method] of source.matchAll(/^ {2}rpc (\w+)/gm))
        assert.match(described, new RegExp(`rpc ${method} \\(`));
    }
    assert.match(ask('describe', 'hauberk.v1.ApplyPolicyRequest'), /string manifest = 1/);
  });

  test('the health service reports SERVING', () => {
    const { status, stdout, stderr } = grpcurl('', ...connection, ...HEALTH, address, 'grpc.health.v1.Health/Check');
    assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { status: 'SERVING' });
  });

  test('a policy that grpcurl applies is enforced, and its event stream reports the denial', async () => {
    const { changes } = answer('hauberk.v1.PolicyService/ApplyPolicy', { manifest: MANIFEST });
    assert.equal(changes[0].kind, 'KIND_CREATED');
    assert.equal(changes[0].containerIds.length, 1);

    const stream = spawn(GRPCURL, [
      ...connection,
      '-v',
      ...['-d', '{"policies": ["by-grpcurl"]}'],
      address,
      'hauberk.v1.EventService/StreamEvents',
    ]);
    let output = '';
    const ended = new Promise((resolve) => stream.once('close', resolve));
    try {
      const printed = (text: string) =>
        new Promise<void>((resolve, reject) => {
          const look = (chunk: unknown = '') => {
            output += chunk;
            if (output.includes(text)) resolve();
          };
          stream.stdout.on('data', look);
          stream.once('close', () => reject(new Error(`the stream ended without ${text}:\n${output}`)));
        });
      await printed('Response headers received');
      const denial = printed('"object": "/etc/shadow"');
      const { status, output: refusal } = enter('curled', '/bin/cat', '/etc/shadow');
      assert.equal(status, 1);
      assert.match(refusal, /Permission denied/);
      await denial;
      for (const line of ['"policy": "by-grpcurl"', '"rule": "file.matchPaths[0]"', '"result": "RESULT_DENIED"'])
        assert.ok(output.includes(line), output);
    } finally {
      stream.kill('SIGTERM');
      await ended;
    }
  });

  test('an error in a manifest is reported with field, line and column', () => {
    const { status, stderr } = call('hauberk.v1.PolicyService/ApplyPolicy', {
      manifest: MANIFEST.replace('path: /etc/shadow', 'path: etc/shadow'),
    });
    assert.notEqual(status, 0);
    assert.match(stderr, /Code: InvalidArgument/);
    assert.match(stderr, /spec\.file\.matchPaths\[0\]\.path/);
    assert.match(stderr, /line 6/);
    assert.match(stderr, /google\.rpc\.BadRequest/);
  });

  test('the applied policy can be read and deleted', () => {
    const { manifest } = answer('hauberk.v1.PolicyService/GetPolicy', { name: 'by-grpcurl' });
    assert.match(manifest, /path: \/etc\/shadow/);
    answer('hauberk.v1.PolicyService/DeletePolicy', { name: 'by-grpcurl' });
    assert.match(call('hauberk.v1.PolicyService/GetPolicy', { name: 'by-grpcurl' }).stderr, /Code: NotFound/);
    assert.equal(enter('curled', '/bin/cat', '/etc/shadow').status, 0);
  });
});
