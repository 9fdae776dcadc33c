import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { parseConfig } from '../../src/config/config.js';
import { type ServiceEnvironment, ServiceManager } from '../../src/service-manager.js';
import { startDaemon } from '../../src/start-daemon.js';
import { Store } from '../../src/store/store.js';
import { DaemonKernel } from './daemon-kernel.js';

export const HOST = { namespaces: { pidNamespace: 1, mountNamespace: 2 }, root: '', links: { '/bin': '/usr/bin' } };

export const HOST_POLICY = `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: p}
spec: {nodeSelector: {matchLabels: {}}, file: {matchPaths: [{path: /srv/secret}]}, action: Block}`;

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly err?: { readonly message: string };
}

/** A daemon over an in-memory kernel; everything else is real. */
export class TestDaemon {
  readonly directory = mkdtempSync(join(tmpdir(), 'hd-'));
  readonly kernel = new DaemonKernel();
  readonly lines: Line[] = [];
  readonly reported: string[] = [];
  readonly socket = join(this.directory, 's');
  readonly stateDirectory = join(this.directory, 'state');
  /** Called while the kernel is opened. */
  meanwhile: () => void = () => undefined;
  /** The descriptor of a socket that systemd opened. */
  inheritedSocket: number | undefined;
  environment: ServiceEnvironment = { NOTIFY_SOCKET: '/notify' };

  constructor(t: TestContext) {
    t.after(() => rmSync(this.directory, { recursive: true }));
  }

  start(...flags: string[]) {
    const off = ['docker', 'cri', 'podman', 'nri', 'hook'].flatMap((name) => [`--${name}-socket`, 'off']);
    const places = ['--listen', `unix:${this.socket}`, '--state-dir', this.stateDirectory];
    return startDaemon(
      parseConfig([...places, ...off, '--metrics', 'off', ...flags], () => assert.fail('no file was named')),
      {
        access: undefined,
        host: HOST,
        inheritedSocket: this.inheritedSocket,
        manager: new ServiceManager(this.environment, (_, text) => {
          this.reported.push(text);
          return true;
        }),
        logger: pino({}, { write: (line) => void this.lines.push(JSON.parse(line)) }),
        openKernel: () => {
          if (this.kernel.fails === 'openKernel') throw new Error('openKernel fails');
          this.meanwhile();
          return this.kernel;
        },
      },
    );
  }

  get warnings(): string[] {
    return this.lines.filter(({ level }) => level > 30).map(({ msg }) => msg);
  }

  /** Opens the store, which fails unless it was closed. */
  async assertStoreIsClosed(): Promise<void> {
    const store = await Store.open(this.stateDirectory);
    await store.close();
  }
}
