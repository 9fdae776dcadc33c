import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** Loads a module of the virtual machine's kernel with its dependencies, without the index that modprobe needs. */
export function loadModule(name: string): void {
  const [file] = execFileSync('find', ['/lib/modules/', '-name', `${name.replaceAll(/[-_]/gu, '[-_]')}.ko*`], {
    encoding: 'utf8',
  }).split('\n');
  // Without a file the module is built in, or the kernel does not have it.
  if (file === undefined || file === '' || existsSync(`/sys/module/${name.replaceAll('-', '_')}`)) return;
  const content = file.endsWith('.xz') ? execFileSync('xz', ['-dc', file], { maxBuffer: 1 << 26 }) : readFileSync(file);
  for (const needed of dependenciesOf(content)) loadModule(needed);
  const unpacked = join(mkdtempSync(join(tmpdir(), 'module-')), basename(file, '.xz'));
  writeFileSync(unpacked, content);
  execFileSync('busybox', ['insmod', unpacked]);
}

function dependenciesOf(module: Buffer): string[] {
  const start = module.indexOf('\0depends=') + '\0depends='.length;
  return module
    .toString('latin1', start, module.indexOf(0, start))
    .split(',')
    .filter((name) => name !== '');
}
