import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** More than any runtime writes. */
const CONFIGURATION_BYTES_MAX = 16 * 1024 * 1024;

/** The parts of a bundle's config.json that are looked at. */
export interface BundleConfiguration {
  readonly root?: { readonly path?: string };
  readonly mounts?: readonly { readonly source?: string }[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** @param hostRoot where the host's files are seen: empty, or `/proc/1/root` from inside a container */
export async function readBundle(bundle: string, hostRoot: string): Promise<BundleConfiguration> {
  return JSON.parse(await readHostFile(join(bundle, 'config.json'), hostRoot));
}

/** Reads a file of the host as text. */
export async function readHostFile(path: string, hostRoot: string): Promise<string> {
  const place = `${hostRoot}${path}`;
  const { size } = await stat(place);
  if (size > CONFIGURATION_BYTES_MAX) throw new Error(`${path} is longer than ${CONFIGURATION_BYTES_MAX} bytes`);
  return readFile(place, 'utf8');
}

/**
 * Where the host has the root of a container that is being made, if the container's process is not in it yet: a
 * createRuntime hook runs before the root is switched, and /proc/PID/root is the host's then.
 */
export async function rootBeforeSwitch(
  { pid, bundle }: { readonly pid: number; readonly bundle: string },
  hostRoot: string,
): Promise<string | undefined> {
  const [own, host] = await Promise.all([stat(`/proc/${pid}/root/`), stat(`${hostRoot}/`)]);
  if (own.dev !== host.dev || own.ino !== host.ino) return undefined;
  const path = (await readBundle(bundle, hostRoot)).root?.path;
  if (typeof path !== 'string' || path === '') throw new Error(`the configuration in ${bundle} names no root`);
  return `${hostRoot}${resolve(bundle, path)}`;
}
