import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { HeldStart } from '../../../src/sources/container-starts.js';
import { describeCriContainer } from '../../../src/sources/cri-containers.js';
import { isExempt, readHookConfig } from '../../../src/sources/hook-config.js';
import type { StartAnswer } from '../../../src/sources/hook-request.js';
import { nriConnectionOptions } from '../../../src/sources/nri-source.js';

function read(text: string) {
  const root = mkdtempSync(join(tmpdir(), 'hauberk-host-'));
  mkdirSync(join(root, 'etc/hauberk'), { recursive: true });
  writeFileSync(join(root, 'etc/hauberk/hook.conf'), text);
  return readHookConfig(root)!;
}

test("the hook's configuration sets the action for unanswered starts, and exemptions", () => {
  assert.equal(readHookConfig('/nowhere'), undefined);
  assert.equal(read('# nothing\n').whenUnanswered, 'refuse');
  const config = read(
    'when_unanswered = allow\n# exempt_name = x\nexempt_namespace = kube-*\n exempt_name=hauberkd \nexempt_image = r.io/*\n',
  );
  assert.equal(config.whenUnanswered, 'allow');
  assert.ok(isExempt(config, { namespace: 'kube-system', name: 'app' }));
  assert.ok(isExempt(config, { namespace: 'shop', name: 'hauberkd' }));
  assert.ok(!isExempt(config, { namespace: 'my-kube-system', name: 'x' }));
  assert.ok(!isExempt(config, { namespace: 'shop', name: 'hauberkd-2' }));
  assert.ok(isExempt(config, { namespace: 'shop', name: 'app', image: 'r.io/app:1' }));
  assert.ok(!isExempt(config, { namespace: 'shop', name: 'app', image: 'docker.io/r.io/app:1' }));
  assert.ok(!isExempt(read('exempt_image = *'), { namespace: 'shop', name: 'app', image: '' }));
});

test('where the configuration cannot be read every start is refused, as by the hook', () => {
  const root = mkdtempSync(join(tmpdir(), 'hauberk-host-'));
  mkdirSync(join(root, 'etc/hauberk/hook.conf'), { recursive: true });
  const config = readHookConfig(root)!;
  assert.equal(config.whenUnanswered, 'refuse');
  assert.ok(!isExempt(config, { namespace: 'kube-system', name: 'app', image: 'r.io/app:1' }));
});

test('NRI refuses an unprotected container like the hook, unless it is exempt', async () => {
  const description = describeCriContainer('a', 'app', {
    name: 'shop-1',
    uid: 'u',
    namespace: 'shop',
    labels: { app: 'shop' },
  });
  const starting = {
    description,
    id: 'a',
    pid: 7,
    name: 'app',
    podName: 'shop-1',
    podNamespace: 'shop',
    podUid: 'u',
    sandboxId: 's',
    labels: { app: 'shop' },
    annotations: {},
  };
  const requested: HeldStart[] = [];
  const options = (text: string | undefined, answer: StartAnswer) =>
    nriConnectionOptions({
      address: '/run/nri/nri.sock',
      key: 'nri',
      starts: {
        protect: async (start) => {
          requested.push(start);
          return answer;
        },
        reportUnknown: () => assert.fail('the runtime names all'),
      },
      hookConfig: () => (text === undefined ? undefined : read(text)),
    });
  const failed = { outcome: 'unprotected', reason: 'full' } as const;
  const { signal } = new AbortController();

  const refusing = options('', failed);
  assert.deepEqual([refusing.whenUnprotected(starting), refusing.whenUnprotected()], ['refuse', 'refuse']);
  assert.deepEqual(await refusing.onStart(starting, signal), failed);
  const exempting = options('exempt_namespace = shop', failed);
  assert.deepEqual([exempting.whenUnprotected(starting), exempting.whenUnprotected()], ['allow', 'refuse']);
  assert.deepEqual(await exempting.onStart(starting, signal), failed);
  const byImage = options('exempt_image = r.io/app:*', failed);
  const withImage = (image: string) => ({ ...starting, annotations: { 'io.kubernetes.cri.image-name': image } });
  assert.deepEqual(
    [byImage.whenUnprotected(withImage('r.io/app:1')), byImage.whenUnprotected(withImage('r.io/other:1'))],
    ['allow', 'refuse'],
  );
  assert.equal(byImage.whenUnprotected(starting), 'refuse');
  const ofCrio = { ...withImage('r.io/app:1').annotations, 'io.kubernetes.cri-o.ContainerType': 'container' };
  assert.equal(byImage.whenUnprotected({ ...starting, annotations: ofCrio }), 'refuse', 'the pod may have written it');
  const allowing = options(undefined, failed);
  assert.equal(allowing.whenUnprotected(), 'allow');
  assert.deepEqual(await allowing.onStart(starting, signal), failed);
  const { reporter, container, root, held } = requested[0]!;
  assert.deepEqual(reporter, { key: 'nri', name: 'nri', origin: 'cri' });
  assert.deepEqual(container, { description, pid: 7 });
  assert.equal(root, undefined);
  assert.equal(held, signal);
  assert.deepEqual(
    requested.map(({ startsAnyway }) => startsAnyway),
    [false, true, true],
  );
});
