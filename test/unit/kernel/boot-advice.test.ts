import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { bootAdvice, osRelease } from '../../../src/kernel/boot-advice.js';
import { temporaryDirectory } from '../rpc/support.js';

const PARAMETER = 'lsm=lockdown,yama,bpf';

/** Files of a host, by path, and the expected advice. */
const HOSTS: Readonly<Record<string, readonly [files: Record<string, string>, advice: RegExp]>> = {
  Debian: [
    { '/etc/os-release': 'ID=debian\n', '/etc/default/grub': '' },
    /^grub: add lsm=lockdown,yama,bpf to GRUB_CMDLINE_LINUX/u,
  ],
  'Fedora with grubby': [
    { '/etc/os-release': 'ID=fedora\n', '/etc/default/grub': '', '/usr/sbin/grubby': '' },
    /grubby --update-kernel=ALL --args="lsm=lockdown,yama,bpf"/u,
  ],
  'Rocky Linux': [
    { '/etc/os-release': 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', '/usr/sbin/grubby': '' },
    /^grub with grubby/u,
  ],
  'Fedora CoreOS': [
    { '/etc/os-release': 'ID=fedora\n', '/run/ostree-booted': '', '/usr/sbin/grubby': '' },
    /rpm-ostree kargs/u,
  ],
  'Arch Linux': [
    { '/etc/os-release': 'ID=arch\n', '/etc/kernel/cmdline': '' },
    /^systemd-boot: add lsm=\S+ to \/etc\/kernel\/cmdline/u,
  ],
  'systemd-boot on the EFI partition': [{ '/efi/loader/loader.conf': '' }, /^systemd-boot: /u],
  Talos: [{ '/etc/os-release': 'ID=talos\n', '/etc/kernel/cmdline': '' }, /extraKernelArgs/u],
  Bottlerocket: [
    { '/etc/os-release': 'ID=bottlerocket\n' },
    /\[settings\.boot\.kernel-parameters\] "lsm" = \["lockdown,yama,bpf"\]/u,
  ],
  'an image of GKE': [{ '/etc/os-release': "ID='cos'\n" }, /node pool/u],
  'an image of EKS': [
    { '/etc/os-release': 'ID="amzn"\nVERSION="2023"\n', '/etc/default/grub': '' },
    /launch template/u,
  ],
  Flatcar: [{ '/usr/lib/os-release': 'ID=flatcar\n' }, /grub\.cfg/u],
  'a host of which nothing is known': [{}, /^add lsm=lockdown,yama,bpf to the kernel command line/u],
};

for (const [name, [files, advice]] of Object.entries(HOSTS)) {
  test(`the advice on boot parameters suits ${name}`, (t) => {
    const root = temporaryDirectory(t);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    assert.match(bootAdvice(PARAMETER, root), advice);
  });
}

test('fields of os-release are read with and without quotes', (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, '/etc/os-release'), `# a comment\nID=x\nNAME="A b"\nVERSION='1 (c)'\n`);
  assert.deepEqual(osRelease(root), { ID: 'x', NAME: 'A b', VERSION: '1 (c)' });
});
