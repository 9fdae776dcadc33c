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
      'send commands to an NVMe disk by `/dev/ng*`, where the driver was loaded after the programs of hauberkd',
    privilege: "the device's node",
    underHardened: 'possible',
  },
  { technique: 'reboot', privilege: 'CAP_SYS_BOOT', underHardened: 'refused' },
  {
    technique: '`/proc/sysrq-trigger`, and control groups of version 1, where they can be written to',
    privilege: 'such a mount, as `--privileged` gives',
    underHardened: 'possible',
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
