import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How a distribution sets the boot parameters of its kernel. */
export interface Way {
  readonly name: string;
  /** Whether a host is such a distribution. @param system the fields of /etc/os-release */
  readonly isOf: (system: Readonly<Record<string, string>>, has: (path: string) => boolean) => boolean;
  /** What to do, in a sentence; the parameter is for the kernel's command line. */
  readonly how: (parameter: string) => string;
}

const idIs =
  (...ids: readonly string[]) =>
  ({ ID = '', ID_LIKE = '' }: Readonly<Record<string, string>>): boolean =>
    [ID, ...ID_LIKE.split(' ')].some((id) => ids.includes(id));

/** The first match counts: immutable images come before boot loaders, which they have as well. */
export const BOOT_WAYS: readonly Way[] = [
  {
    name: 'Talos Linux',
    isOf: idIs('talos'),
    how: (parameter) =>
      `put ${parameter} into customization.extraKernelArgs of an Image Factory schematic and run talosctl upgrade with its ` +
      'installer; where the node boots by grub (before Talos 1.12), machine.install.extraKernelArgs does, too',
  },
  {
    name: 'Bottlerocket',
    isOf: idIs('bottlerocket'),
    how: (parameter) => {
      const [name, value] = parameter.split(/=(.*)/su);
      return (
        `put [settings.boot.kernel-parameters] "${name}" = ["${value}"] and [settings.boot] reboot-to-reconcile = true ` +
        'into the user data, or give the former to apiclient apply and reboot'
      );
    },
  },
  {
    name: "Google's Container-Optimized OS (GKE)",
    isOf: idIs('cos'),
    how: (parameter) =>
      'the command line is part of the image: take a newer image, whose kernel may have bpf active, or in GKE a node pool of ' +
      `Ubuntu (ubuntu_containerd) where a DaemonSet adds ${parameter} in /etc/default/grub.d, runs update-grub and reboots the node`,
  },
  {
    name: 'Amazon Linux (EKS)',
    isOf: idIs('amzn'),
    how: (parameter) =>
      `run grubby --update-kernel=ALL --args="${parameter}" and reboot; in EKS do it in the user data of the node group's launch template, ` +
      'before the node joins, or build the AMI with it',
  },
  {
    name: 'Flatcar Container Linux',
    isOf: idIs('flatcar'),
    how: (parameter) =>
      `add set linux_append="$linux_append ${parameter}" to /oem/grub.cfg (/usr/share/oem on old ones) and reboot`,
  },
  {
    name: 'rpm-ostree (Fedora CoreOS, RHEL CoreOS)',
    isOf: (_system, has) => has('/run/ostree-booted'),
    how: (parameter) =>
      `run rpm-ostree kargs --append-if-missing=${parameter} --reboot; in OpenShift add it to spec.kernelArguments of a MachineConfig`,
  },
  {
    name: 'grub with grubby (Fedora, RHEL and relatives)',
    isOf: (system, has) => idIs('fedora', 'rhel', 'centos')(system) && has('/usr/sbin/grubby'),
    how: (parameter) => `run grubby --update-kernel=ALL --args="${parameter}" and reboot`,
  },
  {
    name: 'grub',
    isOf: (_system, has) => has('/etc/default/grub'),
    how: (parameter) =>
      `add ${parameter} to GRUB_CMDLINE_LINUX in /etc/default/grub, run update-grub (or grub2-mkconfig -o /boot/grub2/grub.cfg) and reboot`,
  },
  {
    name: 'systemd-boot',
    isOf: (_system, has) =>
      [
        '/etc/kernel/cmdline',
        '/boot/loader/loader.conf',
        '/boot/efi/loader/loader.conf',
        '/efi/loader/loader.conf',
      ].some(has),
    how: (parameter) =>
      `add ${parameter} to /etc/kernel/cmdline, run kernel-install add-all (or edit the options lines in loader/entries) and reboot`,
  },
];

/**
 * How to make this host boot with a parameter, in one sentence.
 *
 * @param root where the host's files are seen: empty, or `/proc/1/root` from inside a container
 */
export function bootAdvice(parameter: string, root: string): string {
  const has = (path: string) => existsSync(join('/', root, path));
  const system = osRelease(root);
  const way = BOOT_WAYS.find(({ isOf }) => isOf(system, has));
  return way === undefined
    ? `add ${parameter} to the kernel command line where your boot loader keeps it, and reboot`
    : `${way.name}: ${way.how(parameter)}`;
}

/** The fields of os-release(5); empty where there is no such file. */
export function osRelease(root: string): Record<string, string> {
  const path = ['/etc/os-release', '/usr/lib/os-release'].map((each) => join('/', root, each)).find(existsSync);
  if (path === undefined) return {};
  const fields = readFileSync(path, 'utf8').matchAll(/^([A-Z_]+)=(?:"([^"\n]*)"|'([^'\n]*)'|(.*))$/gmu);
  return Object.fromEntries(
    Array.from(fields, ([, name, ...values]) => [name!, values.find((value) => value !== undefined)!]),
  );
}
