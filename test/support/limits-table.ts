/** Something that stays possible, and that no test tries; docs/threat-model.md lists it. */
interface PrivilegedLimit {
  readonly technique: string;
  /** What a container needs for it. */
  readonly privilege: string;
}

/** Beside the preset `drift`. */
export const DRIFT_LIMITS: readonly PrivilegedLimit[] = [
  {
    technique: 'give a script to an interpreter of the image: `sh script`, `perl -e`',
    privilege: 'such an interpreter in the image',
  },
  {
    technique: "write machine code to anonymous memory, or into a private mapping of an image's program",
    privilege: 'none; the preset `anonymousMapExec` refuses it',
  },
  { technique: 'write to a volume that the rule excepts', privilege: 'write access to it' },
  {
    technique: 'change the layers below the overlay',
    privilege: "the host's root, or the host's directories in the container",
  },
  {
    technique: 'have the container start on an overlay that somebody else made',
    privilege: "control of the container's runtime",
  },
];

/** With and without the preset `hardened`. */
export const PRIVILEGED_LIMITS: readonly (PrivilegedLimit & { readonly underHardened: string })[] = [
  { technique: 'load a kernel module', privilege: 'CAP_SYS_MODULE', underHardened: 'refused' },
  {
    technique: "write to the machine's memory, or to a raw block device with Hauberk's or the host's files",
    privilege: "CAP_SYS_RAWIO, or the device's node",
    underHardened: 'refused',
  },
  {
    technique:
      'run BPF programs that send a signal or write to user memory as hauberkd itself runs, or override what system calls return',
    privilege: 'CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN',
    underHardened: 'refused',
  },
  {
    technique:
      'send commands to an NVMe disk by `/dev/nvme0` or `/dev/ng*`, where the driver was loaded after the programs of hauberkd',
    privilege: "the device's node",
    underHardened: 'possible',
  },
  { technique: 'reboot', privilege: 'CAP_SYS_BOOT', underHardened: 'refused' },
  {
    technique:
      'have the host run a program as root: `core_pattern`, `hotplug`, `modprobe` and `poweroff_cmd` in `/proc/sys/kernel`, `/sys/kernel/uevent_helper`, binfmt_misc',
    privilege: 'root, and a mount with that file that can be written to, as `--privileged` gives',
    underHardened: 'refused',
  },
  {
    technique: 'restart, stop or crash the machine by `/proc/sysrq-trigger`',
    privilege: 'root, and such a mount',
    underHardened: 'refused',
  },
  {
    technique:
      "change the rest of the host's `/proc/sys` and `/sys`: limits and network settings, programs that modules have the host run (`/sys/module/*/parameters`), `/sys/power/state`, devices on PCI and their memory (`/sys/bus/pci`)",
    privilege: 'root, and such a mount',
    underHardened: 'possible; file rules on these paths refuse it, as far as the container has no mount elsewhere',
  },
  {
    technique: 'have the host run a program at the end of a control group of version 1 (`release_agent`)',
    privilege: 'CAP_SYS_ADMIN',
    underHardened: 'refused',
  },
  {
    technique:
      "freeze or end hauberkd, and other processes of the host, by moving it to a control group of the container's own (version 2); enforcement goes on, and a service manager starts an ended hauberkd again",
    privilege:
      "the host's process ids and its control group namespace (on a mount without `nsdelegate`, any), and a mount of control groups that can be written to",
    underHardened: 'possible; a file rule on `/sys/fs/cgroup` that refuses to write refuses it',
  },
  {
    technique: 'stop or starve hauberkd and other processes of the host by control groups of version 1',
    privilege: 'a mount of them that can be written to, as `--privileged` gives',
    underHardened: 'possible; file rules on these paths refuse it, as far as the container has no mount elsewhere',
  },
  {
    technique:
      "open any file of a filesystem of which something is mounted in the container by the file's handle (`open_by_handle_at(2)`)",
    privilege: 'CAP_DAC_READ_SEARCH',
    underHardened:
      "possible; where file rules decide, what lies outside of the container's mounts is refused (`FailClosed`)",
  },
  {
    technique: "signal the host's processes but hauberkd",
    privilege: "the host's process ids, and CAP_KILL or the same user",
    underHardened: 'possible; to look into them is refused',
  },
  {
    technique: "change the host's firewall, routes and addresses",
    privilege: "the host's network, and CAP_NET_ADMIN",
    underHardened: 'possible; a rule on the capability `net_admin` refuses it',
  },
  {
    technique: "connect to the host's local ports and abstract Unix sockets, and listen on its addresses",
    privilege: "the host's network",
    underHardened: 'possible; network rules refuse the ports, and no rule can name an abstract socket',
  },
  {
    technique: "read and change what the host's processes share by System V's shared memory, queues and semaphores",
    privilege: "the host's IPC namespace",
    underHardened: 'possible',
  },
  {
    technique: "set the host's clock, by which policies expire",
    privilege: 'CAP_SYS_TIME',
    underHardened: 'possible; a rule on the capability `sys_time` refuses it',
  },
  {
    technique: 'have the host do something by the socket of its container runtime or service manager',
    privilege: 'the socket in the container',
    underHardened:
      'possible; a file rule on the socket refuses it, see [container-engines.yaml](../examples/policies/container-engines.yaml)',
  },
  {
    technique: "all that the host's root does",
    privilege: "being the host's root, and no policy for the host",
    underHardened: 'possible',
  },
];
