import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceManager } from '../../src/service-manager.js';

function recording(environment: object) {
  const sent: string[] = [];
  const manager = new ServiceManager(
    environment,
    (path, text) => {
      sent.push(`${path} ${text}`);
      return true;
    },
    7,
  );
  return { manager, sent };
}

test('systemd is notified when the daemon is ready and when it stops', () => {
  const { manager, sent } = recording({ NOTIFY_SOCKET: '/run/notify' });
  assert.deepEqual(sent, []);
  manager.ready();
  manager.stopping();
  manager.close();
  assert.deepEqual(sent, ['/run/notify READY=1', '/run/notify STOPPING=1']);
});

test('the watchdog is notified at half of its interval until the end', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { manager, sent } = recording({ NOTIFY_SOCKET: '@notify', WATCHDOG_USEC: '2000000', WATCHDOG_PID: '7' });
  manager.ready();
  t.mock.timers.tick(2000);
  assert.deepEqual(sent, ['@notify READY=1', '@notify WATCHDOG=1', '@notify WATCHDOG=1']);
  manager.close();
  t.mock.timers.tick(2000);
  assert.equal(sent.length, 3);
});

test('a watchdog of another process is not notified', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  for (const environment of [{ WATCHDOG_USEC: '2000000', WATCHDOG_PID: '8' }, { WATCHDOG_USEC: 'x' }, {}]) {
    const { manager, sent } = recording({ NOTIFY_SOCKET: '/run/notify', ...environment });
    manager.ready();
    t.mock.timers.tick(10_000);
    assert.deepEqual(sent, ['/run/notify READY=1'], JSON.stringify(environment));
    manager.close();
  }
});

test('without a service manager nothing is sent', () => {
  const { manager, sent } = recording({ WATCHDOG_USEC: '2000000' });
  manager.ready();
  manager.stopping();
  assert.deepEqual(sent, []);
});
