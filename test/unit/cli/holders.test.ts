import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HolderSearch } from '../../../src/control/holder-search.js';
import type { RuleDescription } from '../../../src/events/rule-description.js';
import type { Holding } from '../../../src/kernel/holdings.js';
import { MemoryHoldings } from '../../support/memory-holdings.js';
import { start, web } from './support.js';

test('apply warns of processes that already hold a file that the policy refuses', async (t) => {
  const { plane, write, hauberk } = await start(t);
  const namespaces = { pidNamespace: 4026530001, mountNamespace: 4026530002 };
  const holdings = new MemoryHoldings(namespaces);
  const rule = { policy: 'web', policyNamespace: 'default' } as RuleDescription;
  const logger = { warn: () => undefined };
  plane.enforcement.holders = new HolderSearch(
    holdings.kernel,
    [],
    () => rule,
    logger,
    () => false,
  );
  await plane.tracker.register({ ...web, id: web.id.padEnd(64, '0') }, namespaces);
  const held: Holding = {
    kind: 'descriptor',
    container: namespaces,
    file: 5n,
    imageId: 40,
    rule: 0,
    hostPid: 77,
    path: '/etc/shadow',
    program: '/bin/cat',
  };
  holdings.held = [held, { ...held, kind: 'mapping', hostPid: 78 }, { ...held, kind: 'ring' }];
  const manifest = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, file: {matchPaths: [{path: /etc/shadow}]}}`;
  const { errors } = await hauberk('apply', '-f', write('web.yaml', manifest));
  assert.deepEqual(errors.trimEnd().split('\n'), [
    'cli:default/web: warning: container c1deadbeef00 has an io_uring ring: each use of a file it has opened is decided now',
    'cli:default/web: warning: process 77 (/bin/cat) of container c1deadbeef00 had opened /etc/shadow before: each use of it is refused now',
    'cli:default/web: warning: process 78 (/bin/cat) of container c1deadbeef00 had mapped /etc/shadow before, and keeps what is mapped',
  ]);
  const { output } = await hauberk('apply', '-o', 'json', '-f', write('web.yaml', manifest));
  assert.equal(JSON.parse(output)[0].holders, undefined);
});
