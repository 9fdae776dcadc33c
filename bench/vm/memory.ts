import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../test/support/client.js';
import { Daemon } from '../../test/support/daemon.js';
import type { Recorder, Scope } from '../figures.js';
import { progress } from '../support/progress.js';
import { FLAGS } from './start.js';

const CONTAINERS = 1000;
/** After this time it has warmed up, and has probably collected the garbage of the last change. */
const REST_MILLISECONDS = 30_000;
const KIBIBYTES_OF_MEBIBYTE = 1024;

/** Resident memory of hauberkd with the programs attached: without a container, and with many under a policy. */
export async function measureMemory({ quick }: Scope, record: Recorder): Promise<void> {
  const daemon = new Daemon();
  const rest = () => sleep(quick ? 0 : REST_MILLISECONDS);
  await daemon.start(...FLAGS);
  const client = new Client(daemon.address);
  await rest();
  const idle = residentMebibytes(daemon.pid);
  progress(`memory: ${idle.toFixed(0)} MiB without a container`);
  record('daemon_rss_mib_idle', idle);
  // No process is in these namespaces.
  const containers = Array.from({ length: CONTAINERS }, (_, number) => ({
    id: `registered-${number}`,
    labels: { app: `app-${number % 10}` },
    namespaces: { pidNamespace: 5 + number, mountNamespace: 5 + number },
  }));
  const manifest = `{apiVersion: security.kubearmor.com/v1, kind: KubeArmorPolicy, metadata: {name: all},
    spec: {selector: {matchLabels: {}}, file: {action: Block, matchPaths: [{path: /etc/shadow}]}}}`;
  await client.call('ContainerService', 'SyncContainers', { containers });
  await client.call('PolicyService', 'ApplyPolicy', { manifest });
  await rest();
  record('daemon_rss_mib_1000_containers', residentMebibytes(daemon.pid));
  client.close();
  await daemon.end('SIGTERM');
}

function residentMebibytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kibibytes) / KIBIBYTES_OF_MEBIBYTE;
}
