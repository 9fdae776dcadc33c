import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { lookAtChild } from '../../../src/containers/descent.js';
import { type Failure, invalidInput } from '../../../src/failure.js';

const uid = process.getuid!();
const own = { pid: process.pid, uid };

async function startChild(t: TestContext): Promise<ChildProcess & { pid: number }> {
  const child = spawn('sleep', ['100'], { stdio: 'ignore' });
  t.after(() => child.kill());
  await once(child, 'spawn');
  return child as ChildProcess & { pid: number };
}

function refusal(act: () => unknown): { field: string; description: string }[] {
  try {
    act();
  } catch (thrown) {
    return [...(thrown as Failure).problems];
  }
  return assert.fail('not refused');
}

test('a process that the caller has started is examined, and no descriptor stays open', async (t) => {
  const { pid } = await startChild(t);
  const before = readdirSync('/proc/self/fd').length;
  assert.equal(
    lookAtChild(pid, own, () => 'seen'),
    'seen',
  );
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('a process that somebody else has started is refused and not examined', async (t) => {
  const { pid } = await startChild(t);
  const other = await startChild(t);
  const look = () => assert.fail('looked at');
  for (const caller of [
    { pid: other.pid, uid },
    { pid: 0, uid },
    { pid: process.pid, uid: uid + 1 },
  ])
    assert.deepEqual(
      refusal(() => lookAtChild(pid, caller, look)),
      [{ field: 'child_pid', description: `process ${pid} was not started by the caller, process ${caller.pid}` }],
    );
  const { pid: ended } = spawnSync('true');
  assert.deepEqual(
    refusal(() => lookAtChild(ended, own, look)),
    [{ field: 'child_pid', description: `no process ${ended}` }],
  );
});

test('an unsuitable process is reported for the field that named it', async (t) => {
  const { pid } = await startChild(t);
  const wrong = () => {
    throw invalidInput([{ field: 'pid', description: 'is wrong' }]);
  };
  assert.deepEqual(
    refusal(() => lookAtChild(pid, own, wrong)),
    [{ field: 'child_pid', description: 'is wrong' }],
  );
  const failure = new Error('broken');
  assert.throws(
    () =>
      lookAtChild(pid, own, () => {
        throw failure;
      }),
    failure,
  );
});

test("a child of the caller's child was started by the caller, and the caller itself was not", async (t) => {
  const shell = spawn('sh', ['-c', 'sleep 100 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => shell.kill());
  const [line] = (await once(shell.stdout!, 'data')) as [Buffer];
  const grandchild = Number(line.toString());
  t.after(() => process.kill(grandchild));
  for (const caller of [own, { pid: shell.pid!, uid }])
    assert.equal(
      lookAtChild(grandchild, caller, () => 'seen'),
      'seen',
    );
  for (const caller of [
    { pid: grandchild, uid },
    { pid: 1, uid },
  ])
    assert.equal(refusal(() => lookAtChild(grandchild, caller, () => 'seen')).length, 1);
  assert.equal(refusal(() => lookAtChild(process.pid, own, () => 'seen')).length, 1);
});

test('a process that ends while it is examined is refused, since its id may be reused', async (t) => {
  const shell = spawn('sh', ['-c', 'sleep 100 & echo $!; wait; exec sleep 100'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => shell.kill());
  const [line] = (await once(shell.stdout!, 'data')) as [Buffer];
  const pid = Number(line.toString());
  const end = () => {
    process.kill(pid, 'SIGKILL');
    const deadline = performance.now() + 10_000;
    // Until its parent has waited for it.
    while (existsSync(`/proc/${pid}`)) assert.ok(performance.now() < deadline);
    return 'seen';
  };
  assert.deepEqual(
    refusal(() => lookAtChild(pid, own, end)),
    [{ field: 'child_pid', description: `process ${pid} has ended` }],
  );
});
