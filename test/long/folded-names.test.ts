import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { loadModule } from '../support/kernel-modules.js';
import type { NamespacedShell } from '../support/namespaced-shell.js';
import { SharedDaemon } from '../support/shared-daemon.js';
import { TwoShells } from '../support/two-shells.js';

const daemon = new SharedDaemon();
const client = new Client(daemon.address);
const shells = new TwoShells(daemon, client);
const base = mkdtempSync('/run/folded-');
const fat = join(base, 'fat');
const extended = join(base, 'extended');
let free: NamespacedShell;
let held: NamespacedShell;
let events: EventStream;

/** Makes a filesystem in a file, and mounts it for mount namespaces that are copied from this one later. */
function mountImage(directory: string, type: string, options: string, make: (image: string) => void): void {
  const image = `${directory}.image`;
  writeFileSync(image, Buffer.alloc(8 << 20));
  make(image);
  mkdirSync(directory);
  execFileSync('mount', ['-t', type, '-o', `loop${options}`, image, directory]);
}

before(async () => {
  for (const module of ['loop', 'vfat', 'nls_cp437', 'nls_ascii', 'crc32c_generic', 'ext4']) loadModule(module);
  mountImage(fat, 'vfat', ',codepage=437,iocharset=ascii', (image) => execFileSync('busybox', ['mkdosfs', image]));
  mountImage(extended, 'ext4', '', (image) => execFileSync('mke2fs', ['-q', '-t', 'ext4', '-O', 'casefold', image]));
  for (const directory of [fat, extended]) {
    mkdirSync(join(directory, 'guard'));
    mkdirSync(join(directory, 'free'));
  }
  execFileSync('chattr', ['+F', join(extended, 'guard'), join(extended, 'free')]);
  ({ free, held, events } = await shells.start());
});

after(async () => {
  await shells.end();
  for (const directory of [fat, extended]) execFileSync('umount', ['-l', directory]);
});

const plant = (directory: string) =>
  `rm -rf ${directory}/guard/* ${directory}/free/*
   for name in guard/secret.text guard/secretfile.text free/other.txt; do echo x >${directory}/$name || exit; done`;

/** Not by mv(1), which treats two names of one file as a special case. */
const rename = (from: string, to: string) => `perl -e 'rename("${from}", "${to}") or die "$!\\n"'`;

/** Clears the dentry cache, in which the kernel would find the spelling of an earlier lookup. */
function forgetNames(): void {
  execFileSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '2');
}

const CASES = [
  'cat guard/SECRET.TEXT',
  'cat guard/Secret.text',
  'echo x >guard/Secret.Text',
  'rm guard/SECRET.TEXT',
  'mv guard/SECRET.TEXT free/moved',
  rename('guard/secret.text', 'guard/SECRET.TEXT'),
  'ln -s x guard/NEW.TXT',
  'mkdir guard/New.Txt',
  'mv free/other.txt guard/NEW.txt',
];
const FAT = [
  'cat GUARD/SECRET.TEXT',
  'cat guard./secret.text',
  'cat guard/secret.text...',
  'cat guard/SECRET~1.TEX',
  'cat guard/secret~2.tex',
  // The same name for the filesystem, and so for the rules.
  `${rename('guard', 'GUARD')} && cat GUARD/secret.text`,
  'mv guard guarded && cat guarded/secret.text',
  'mv GUARD guarded && cat guarded/secret.text',
];
/** vfat has no symbolic links. */
const SYMBOLIC_LINKS = /^ln /;

for (const [filesystem, directory, techniques] of [
  ['vfat', fat, [...CASES.filter((script) => !SYMBOLIC_LINKS.test(script)), ...FAT]],
  ['ext4', extended, CASES],
] as const) {
  const plantAnew = async () => {
    const { status, output } = await free.run(
      `cd ${directory}; [ ! -e guarded ] || mv guarded guard; ${plant(directory)}`,
    );
    assert.equal(status, 0, output);
  };

  test(`on ${filesystem} every technique works without a policy`, async () => {
    for (const script of techniques) {
      await plantAnew();
      const { status, output } = await free.run(`cd ${directory} && ${script}`);
      assert.equal(status, 0, `${script}: ${output}`);
    }
  });

  test(`a rule on a file on ${filesystem} holds for every spelling of its name`, async () => {
    const manifest = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: folded}
spec:
  selector: {matchLabels: {app: held}}
  file: {matchPaths: [{path: ${directory}/guard/secret.text}, {path: ${directory}/guard/secretfile.text}, {path: ${directory}/guard/new.txt}]}`;
    await plantAnew();
    await client.call('PolicyService', 'ApplyPolicy', { manifest });
    for (const script of techniques) {
      await plantAnew();
      events.clear();
      forgetNames();
      const { status, output } = await held.run(`cd ${directory} && ${script}`);
      assert.notEqual(status, 0, `${script}: ${output}`);
      assert.match(output, /Permission denied/u, script);
      await events.find(({ policy, result }) => policy === 'folded' && result === 'RESULT_DENIED');
    }
    for (const name of ['free/other.txt', 'free/OTHER.TXT']) {
      await plantAnew();
      assert.equal((await held.run(`cat ${directory}/${name}`)).status, 0, name);
    }
    await client.call('PolicyService', 'DeletePolicy', { name: 'folded', scope: 'SCOPE_NAMESPACE' });
  });
}
