import { createHash } from 'node:crypto';
import { type FSWatcher, realpathSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { Failure } from '../../failure.js';
import { type CertificateFiles, type Certificates, checkCertificates, readCertificates } from './certificates.js';

/** Files that are replaced one after the other settle in this time. */
const SETTLE_MILLISECONDS = 100;
/** For changes nobody reports: on network file systems, or once a watched directory was itself replaced. */
const LOOK_MILLISECONDS = 60_000;

export interface CertificateListener {
  onChange(certificates: Certificates): void;
  /** The new files cannot be used. */
  onFailure(failure: Failure): void;
}

/**
 * Reports certificates whose files have changed, once for each change of their contents. Directories are watched, both
 * those of the paths and those the paths lead to, so that files and symbolic links may be swapped by renaming.
 *
 * @param current what is in use
 * @returns stops following
 */
export function followCertificates(
  files: CertificateFiles,
  current: Certificates,
  listener: CertificateListener,
): () => void {
  let lastSeen = fingerprintOf(current);
  let settling: NodeJS.Timeout | undefined;
  let watchers: FSWatcher[] = [];

  const look = () => {
    rewatch();
    const found = attempt(() => readCertificates(files));
    const seen = found instanceof Failure ? found.message : fingerprintOf(found);
    if (seen === lastSeen) return;
    lastSeen = seen;
    const failure = found instanceof Failure ? found : attempt(() => checkCertificates(files, found));
    if (failure instanceof Failure) listener.onFailure(failure);
    else listener.onChange(found as Certificates);
  };
  const lookSoon = () => {
    clearTimeout(settling);
    settling = setTimeout(look, SETTLE_MILLISECONDS);
  };
  const rewatch = () => {
    const former = watchers;
    watchers = directoriesOf(files).flatMap((directory) => watchDirectory(directory, lookSoon));
    for (const watcher of former) watcher.close();
  };

  rewatch();
  const looking = setInterval(look, LOOK_MILLISECONDS);
  return () => {
    clearInterval(looking);
    clearTimeout(settling);
    for (const watcher of watchers) watcher.close();
  };
}

function attempt<Result>(action: () => Result): Result | Failure {
  try {
    return action();
  } catch (thrown) {
    return Failure.from(thrown);
  }
}

function fingerprintOf({ certificate, key, clientCa }: Certificates): string {
  return [certificate, key, clientCa].map((content) => createHash('sha256').update(content).digest('hex')).join();
}

function directoriesOf(files: CertificateFiles): string[] {
  const directories = Object.values(files).flatMap((path: string) => {
    const target = attempt(() => dirname(realpathSync(path)));
    return target instanceof Failure ? [dirname(path)] : [dirname(path), target];
  });
  return [...new Set(directories)];
}

/** Does nothing if it cannot be watched: files are also checked regularly. */
function watchDirectory(directory: string, onEvent: () => void): FSWatcher[] {
  const watcher = attempt(() => watch(directory, onEvent));
  if (watcher instanceof Failure) return [];
  watcher.on('error', () => watcher.close());
  return [watcher];
}
