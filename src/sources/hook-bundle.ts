import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { hasRootOfHost } from '../containers/process-files.js';
import { listIn, objectIn, textIn } from '../json-shape.js';

/** More than any runtime writes. */
const CONFIGURATION_BYTES_MAX = 16 * 1024 * 1024;

/** The parts of a bundle's config.json that are looked at. */
export interface BundleConfiguration {
  /** Absolute, or relative to the bundle. */
  readonly root: string | undefined;
  readonly mountSources: readonly string[];
}

/**
 * @param hostRoot where the host's files are seen: empty, or `/proc/1/root` from inside a container
 * @throws Error where the file cannot be read, or is not such a configuration
 */
export async function readBundle(bundle: string, hostRoot: string): Promise<BundleConfiguration> {
  const path = join(bundle, 'config.json');
  const { root, mounts } = objectIn(JSON.parse(await readHostFile(path, hostRoot)), path);
  const sources = listIn(mounts, `mounts in ${path}`).map((mount) =>
    textIn(objectIn(mount, `a mount in ${path}`).source, `the source of a mount in ${path}`),
  );
  return {
    root: textIn(objectIn(root ?? {}, `root in ${path}`).path, `root.path in ${path}`),
    mountSources: sources.filter((source) => source !== undefined),
  };
}

/** Reads a file of the host as text. */
export async function readHostFile(path: string, hostRoot: string): Promise<string> {
  const place = `${hostRoot}${path}`;
  const { size } = await stat(place);
  if (size > CONFIGURATION_BYTES_MAX) throw new Error(`${path} is longer than ${CONFIGURATION_BYTES_MAX} bytes`);
  return readFile(place, 'utf8');
}

/**
 * Where the container's root is, below its process's root, while the process is not in it yet: a createRuntime hook runs
 * before the root is switched, and /proc/PID/root is the host's then.
 */
export async function rootBeforeSwitch(
  { pid, bundle }: { readonly pid: number; readonly bundle: string },
  hostRoot: string,
): Promise<string | undefined> {
  if (!hasRootOfHost(pid, hostRoot)) return undefined;
  const { root } = await readBundle(bundle, hostRoot);
  if (root === undefined || root === '') throw new Error(`the configuration in ${bundle} names no root`);
  return resolve(bundle, root);
}
