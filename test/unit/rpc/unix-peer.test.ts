import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Client, status } from '@grpc/grpc-js';
import { HostServiceClient } from '../../../src/generated/hauberk/v1/host.js';
import { PolicyServiceClient } from '../../../src/generated/hauberk/v1/policy.js';
import type { RunningServer } from '../../../src/rpc/server.js';
import { connectWith, serveGuarded, until } from './access-support.js';
import { answerOf, manifest, refusal, temporaryDirectory } from './support.js';

const isRoot = process.getuid!() === 0;

interface User {
  readonly uid: number;
  readonly gid: number;
  readonly groups: number[];
}

/** A socket whose connections are forwarded to the server by another user. */
async function passOnAs(t: TestContext, user: User, server: RunningServer): Promise<RunningServer> {
  const path = server.address.slice('unix:'.length);
  const passing = join(temporaryDirectory(t), 'passing.sock');
  const proxy = createServer((near) => {
    const far = asUser(user, () => connect(path));
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(passing, resolve));
  t.after(() => proxy.close());
  return { ...server, address: `unix:${passing}` };
}

/** Works since Node.js connects to a Unix socket before `connect` returns, when the kernel records the user. */
function asUser<Result>({ uid, gid, groups }: User, action: () => Result): Result {
  const ownGroups = process.getgroups!();
  process.setgroups!(groups);
  process.setegid!(gid);
  process.seteuid!(uid);
  try {
    return action();
  } finally {
    process.seteuid!(0);
    process.setegid!(0);
    process.setgroups!(ownGroups);
  }
}

async function serveRoles(t: TestContext, roles: { viewer: string[]; operator: string[]; admin: string[] }) {
  const guarded = await serveGuarded(t, { roles });
  const path = guarded.server.address.slice('unix:'.length);
  chmodSync(dirname(path), 0o755);
  return { ...guarded, path };
}

const roles = { viewer: ['gid:7001', 'gid:7002'], operator: [], admin: ['uid:6001'] };

describe('a client on the Unix socket', { skip: !isRoot && 'only root can connect as somebody else' }, () => {
  const getStatus = (t: TestContext, server: RunningServer) =>
    answerOf(connectWith(t, HostServiceClient, server), (c) => c.getStatus, {});
  const apply = (t: TestContext, server: RunningServer) =>
    answerOf(connectWith(t, PolicyServiceClient, server), (c) => c.applyPolicy, {
      source: { $case: 'manifest', value: manifest('a') },
      expectedVersions: {},
      force: false,
    });

  test('is an administrator as root', async (t) => {
    const { server, path, logger } = await serveRoles(t, { viewer: [], operator: [], admin: [] });
    assert.equal((await apply(t, server)).changes.length, 1);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const { identity, role, peer } = logger.lines[0]!.fields;
    assert.deepEqual({ identity, role, peer }, { identity: 'uid:0', role: 'admin', peer: `unix:pid=${process.pid}` });
  });

  test('has the role of its user, its group or a supplementary group', async (t) => {
    const { server, path } = await serveRoles(t, roles);
    assert.equal(statSync(path).mode & 0o777, 0o666);
    const named = await passOnAs(t, { uid: 6001, gid: 6001, groups: [] }, server);
    assert.equal((await apply(t, named)).changes.length, 1);
    for (const user of [
      { uid: 6002, gid: 7001, groups: [] },
      { uid: 6003, gid: 6003, groups: [6100, 7002] },
    ]) {
      const member = await passOnAs(t, user, server);
      assert.equal((await getStatus(t, member)).version, '1.2.3');
      assert.equal(
        (await refusal(apply(t, member))).message,
        `/hauberk.v1.PolicyService/ApplyPolicy needs the role admin; uid:${user.uid} has the role viewer`,
      );
    }
  });

  test('has no role without an entry for it', async (t) => {
    const { server } = await serveRoles(t, roles);
    const outsider = await passOnAs(t, { uid: 7001, gid: 6001, groups: [6001] }, server);
    assert.deepEqual(await refusal(getStatus(t, outsider)), {
      code: 'PERMISSION_DENIED',
      message: '/hauberk.v1.HostService/GetStatus needs the role viewer; uid:7001 has no role',
      violations: [],
    });
  });

  test('may only call the health service without a role', async (t) => {
    const { server } = await serveRoles(t, roles);
    const outsider = await passOnAs(t, { uid: 6009, gid: 6009, groups: [] }, server);
    const client = connectWith(t, Client, outsider);
    const bytes = (message: Buffer) => message;
    const health = await new Promise((resolve, reject) =>
      client.makeUnaryRequest('/grpc.health.v1.Health/Check', bytes, bytes, Buffer.alloc(0), (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      ),
    );
    // Field 1, the status: SERVING.
    assert.deepEqual(health, Buffer.from([8, 1]));
    const reflection = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const [error] = await once(client.makeBidiStreamRequest(reflection, bytes, bytes), 'error');
    assert.equal(error.code, status.PERMISSION_DENIED);
  });

  test('without a role can use at most a quarter of the connections', async (t) => {
    const { server, counts } = await serveGuarded(t, { roles, limits: { connections: 8 } });
    chmodSync(dirname(server.address.slice('unix:'.length)), 0o755);
    const { address } = await passOnAs(t, { uid: 6009, gid: 6009, groups: [] }, server);
    const sockets = Array.from({ length: 5 }, () => connect(address.slice('unix:'.length)));
    let closed = 0;
    for (const socket of sockets) {
      t.after(() => socket.destroy());
      socket.resume().on('close', () => closed++);
    }
    await until(() => closed === 3);
    assert.deepEqual(counts.refusals, Array(3).fill('roleless_connections'));
    assert.equal((await getStatus(t, server)).version, '1.2.3');
  });
});
