import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface ImageOptions {
  readonly entrypoint?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}

const APPLETS = ['sh', 'cat', 'sleep', 'echo', 'ls', 'mkdir', 'sed', 'true', 'nc'];

/**
 * Makes an image in the form of `docker save` of a directory's files; returns the archive's path.
 *
 * @param name with a tag, as it is asked for later: `example.org/busybox:1`
 */
export function saveImage(root: string, archive: string, name: string, options: ImageOptions = {}): string {
  const work = mkdtempSync(join(tmpdir(), 'hauberk-image-'));
  try {
    execFileSync('tar', ['-C', root, '--numeric-owner', '--owner=0', '--group=0', '-cf', join(work, 'layer.tar'), '.']);
    const layer = createHash('sha256')
      .update(readFileSync(join(work, 'layer.tar')))
      .digest('hex');
    const config = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Entrypoint: options.entrypoint ?? ['/bin/sh'], Env: ['PATH=/bin'], Labels: options.labels ?? {} },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
    };
    writeFileSync(join(work, 'config.json'), JSON.stringify(config));
    const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }];
    writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest));
    execFileSync('tar', ['-C', work, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar']);
  } finally {
    rmSync(work, { recursive: true });
  }
  return archive;
}

/** Fills a directory with a static busybox under several names, /etc/passwd, /etc/shadow and /tmp. */
export function layOutBusybox(root: string): void {
  for (const directory of ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev'])
    mkdirSync(join(root, directory), { recursive: true });
  putProgram(root, '/bin/busybox', '/bin/busybox');
  for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  writeFileSync(join(root, 'etc/hostname'), 'example\n');
  writeFileSync(join(root, 'etc/shadow'), 'root:not-a-real-hash:19000:0:99999:7:::\n', { mode: 0o640 });
}

/** Copies a program of this machine into a directory that becomes an image. */
export function putProgram(root: string, path: string, program: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  copyFileSync(program, join(root, path));
  chmodSync(join(root, path), 0o755);
}
