import { readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { hostRoot } from '../../containers/procfs.js';

/** What every message to KubeArmor's clients says about this host. */
export interface HostFacts {
  readonly hostName: string;
  /** An address by which others reach it; empty where it has none. */
  readonly hostAddress: string;
  /** The machine id of systemd; empty where there is none. */
  readonly nodeId: string;
}

export function readHostFacts(): HostFacts {
  return { hostName: hostname(), hostAddress: firstAddress(), nodeId: machineId() };
}

function firstAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const reachable = addresses.filter(({ internal }) => !internal);
  return (reachable.find(({ family }) => family === 'IPv4') ?? reachable[0])?.address ?? '';
}

function machineId(): string {
  try {
    return readFileSync(`${hostRoot()}/etc/machine-id`, 'utf8').trim();
  } catch {
    return '';
  }
}
