import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { docker, enter, startContainer } from '../support/docker.js';
import { Grpcurl, skip } from '../support/grpcurl.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';
import { SharedDaemon } from '../support/shared-daemon.js';

/** The standard definition: the server's reflection reports only Hauberk's own services. */
const HEALTH = ['-import-path', 'node_modules/grpc-health-check/proto', '-proto', 'health/v1/health.proto'];
const MANIFEST = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: by-grpcurl}
spec:
  selector: {matchLabels: {app: curled}}
  file: {matchPaths: [{path: /etc/shadow}]}
`;

describe('grpcurl on the Unix socket of hauberkd', { skip }, () => {
  const daemon = new SharedDaemon();
  const grpcurl = new Grpcurl(daemon.address);

  before(async () => {
    makeProgramsImage();
    startContainer(PROGRAMS_IMAGE, 'curled', '--label', 'app=curled');
    await daemon.start();
  });

  after(async () => {
    await daemon.release();
    docker('rm', '-f', 'curled');
  });

  test('the health service reports SERVING', async () => {
    assert.deepEqual(await grpcurl.answer('grpc.health.v1.Health/Check', {}, HEALTH), { status: 'SERVING' });
  });

  test('a policy that grpcurl applies is enforced, and its event stream reports the denial', async () => {
    const { changes } = await grpcurl.answer('hauberk.v1.PolicyService/ApplyPolicy', { manifest: MANIFEST });
    assert.equal(changes[0].kind, 'KIND_CREATED');
    assert.equal(changes[0].containerIds.length, 1);

    const stream = grpcurl.stream('hauberk.v1.EventService/StreamEvents', { policies: ['by-grpcurl'] });
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

  test('the applied policy can be read and deleted', async () => {
    const { manifest } = await grpcurl.answer('hauberk.v1.PolicyService/GetPolicy', { name: 'by-grpcurl' });
    assert.match(manifest, /path: \/etc\/shadow/);
    await grpcurl.answer('hauberk.v1.PolicyService/DeletePolicy', { name: 'by-grpcurl' });
    const { stderr } = await grpcurl.call('hauberk.v1.PolicyService/GetPolicy', { name: 'by-grpcurl' });
    assert.match(stderr, /Code: NotFound/);
    assert.equal(enter('curled', '/bin/cat', '/etc/shadow').status, 0);
  });
});
