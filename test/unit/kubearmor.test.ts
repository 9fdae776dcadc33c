import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { parseConfig } from '../../src/config/config.js';
import { EventHub } from '../../src/events/hub.js';
import { serveKubearmor } from '../../src/kubearmor.js';
import { NO_OBSERVER } from '../../src/rpc/access/observer.js';
import { InMemoryControlPlane } from '../support/in-memory-control-plane.js';
import { KubearmorClient } from '../support/kubearmor-client.js';

async function serve(t: TestContext, ...flags: string[]) {
  const config = parseConfig(flags, () => assert.fail('no file was named'));
  const sources = { plane: new InMemoryControlPlane(), hub: new EventHub(), logger: pino({ level: 'silent' }) };
  const servers = await serveKubearmor(config, sources, { roles: config.roles }, NO_OBSERVER);
  t.after(() => servers?.shutdown(0));
  return servers;
}

test("without the flag KubeArmor's clients are not served", async (t) => {
  assert.equal(await serve(t), undefined);
});

test('with the flag the daemon serves each address that it names', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-kubearmor-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const servers = await serve(t, '--kubearmor-listen', `127.0.0.1:0,unix:${directory}/kubearmor.sock`);
  assert.equal(servers!.addresses.length, 2);
  for (const [index, address] of servers!.addresses.entries()) {
    const client = new KubearmorClient(address);
    t.after(() => client.close());
    assert.equal(await client.healthCheck(index + 1), index + 1);
  }
});
