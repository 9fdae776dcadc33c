import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logLeftOut } from '../../../src/control/left-out-log.js';
import { crampedPlane, InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { RecordingLogger } from '../../support/recording-sink.js';

test('policies that are left out are logged when they change, and when there are none any more', () => {
  const { host } = new InMemoryControlPlane();
  const logger = new RecordingLogger();
  const names = new Map([
    ['c1', 'web'],
    ['c2', 'db'],
  ]);
  logLeftOut(host, (id) => names.get(id), logger);
  const report = (leftOut: Record<string, string[]>) => {
    logger.lines.length = 0;
    host.setStatus({ leftOut: new Map(Object.entries(leftOut)) });
    return logger.lines.map(({ level, fields }) => [level, fields.container, fields.name, fields.policies]);
  };
  assert.deepEqual(report({}), []);
  assert.deepEqual(report({ c1: ['n/a', 'n/b'], c2: ['n/a'] }), [
    ['warn', 'c1', 'web', ['n/a', 'n/b']],
    ['warn', 'c2', 'db', ['n/a']],
  ]);
  assert.deepEqual(report({ c1: ['n/a', 'n/b'], c2: ['n/a'] }), []);
  assert.deepEqual(report({ c1: ['n/a'], c2: ['n/a'] }), [['warn', 'c1', 'web', ['n/a']]]);
  names.delete('c2');
  assert.deepEqual(report({}), [['info', 'c1', 'web', undefined]], 'c2 has ended');
});

test('a change of policies that leaves some out is logged', async () => {
  const plane = crampedPlane();
  const logger = new RecordingLogger();
  logLeftOut(plane.host, (id) => plane.containers.get(id)?.name, logger);
  const namespaces = { pidNamespace: 10, mountNamespace: 11 };
  const known = { id: 'c1', name: 'web', namespace: 'default', labels: { app: 'x' }, origin: 'docker' } as const;
  await plane.containers.put({ ...known, namespaces, links: {} });
  for (const name of ['a', 'b']) {
    const text = `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}, namespace: default}
spec: {selector: {matchLabels: {app: x}}, file: {matchPatterns: [{pattern: '/**${name}???'}]}, action: Block}
`;
    await plane.policies.apply(plane.policies.readManifest(text));
  }
  assert.deepEqual(
    logger.warnings.map(({ fields }) => fields),
    [{ container: 'c1', name: 'web', policies: ['default/b'] }],
  );
});
