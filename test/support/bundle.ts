import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes an OCI bundle with Debian's static busybox, whose container runs a shell script; hooks as in config.json. */
export function makeBundle(bundle: string, script: string, hooks: object = {}): void {
  const programs = join(bundle, 'rootfs/bin');
  mkdirSync(programs, { recursive: true });
  copyFileSync('/bin/busybox', join(programs, 'busybox'));
  for (const name of ['sh', 'cat', 'echo', 'sleep']) symlinkSync('busybox', join(programs, name));
  execFileSync('runc', ['spec', '--bundle', bundle]);
  const file = join(bundle, 'config.json');
  const configuration = JSON.parse(readFileSync(file, 'utf8'));
  configuration.process.terminal = false;
  configuration.process.args = ['/bin/sh', '-c', script];
  configuration.hooks = hooks;
  writeFileSync(file, JSON.stringify(configuration));
}
