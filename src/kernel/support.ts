import { existsSync, mkdirSync, readFileSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { checked } from '../native/kernel-error.js';
import { KernelTypes } from '../native/kernel-types.js';
import { mountFileSystem } from '../native/libc.js';
import { bootAdvice } from './boot-advice.js';

const SECURITY_MODULES = '/sys/kernel/security/lsm';
const KERNEL_TYPES = '/sys/kernel/btf/vmlinux';
const BPF_FILE_SYSTEM = 0xcafe4a11;
/** Bits of CapEff, include/uapi/linux/capability.h. */
const CAPABILITIES: ReadonlyArray<readonly [string, bigint]> = [
  ['CAP_SYS_ADMIN', 21n],
  ['CAP_MAC_ADMIN', 33n],
  ['CAP_PERFMON', 38n],
  ['CAP_BPF', 39n],
];
const SYS_ADMIN = 21n;
const SPLIT_OFF: readonly bigint[] = [38n, 39n];
/** Helpers that the programs or the daemon depend on, and the kernel that first had each. */
const HELPERS: Readonly<Record<string, string>> = {
  ringbuf_output: '5.8',
  task_storage_get: '5.11',
  get_current_task_btf: '5.11',
  loop: '5.17',
};

/** The active Linux security modules in order; empty if the kernel does not report them. */
export function securityModules(): string[] {
  return existsSync(SECURITY_MODULES) ? readFileSync(SECURITY_MODULES, 'utf8').trim().split(',') : [];
}

/**
 * Why this kernel or this process cannot enforce, each reason in one sentence with its remedy; empty if it can. Mounts
 * securityfs and the BPF file system where they are missing.
 *
 * @param hostFiles tells where the host's files are seen: empty, or `/proc/1/root` from inside a container
 */
export function missingSupport(pinDirectory: string, hostFiles: () => string): string[] {
  const missing = missingPrivileges();
  if (missing.length > 0) return missing;
  ensureMounted('securityfs', '/sys/kernel/security', SECURITY_MODULES);
  return [...missingTypes(), ...missingHelpers(), ...missingModule(hostFiles), ...missingFileSystem(pinDirectory)];
}

function missingPrivileges(): string[] {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const held = BigInt(`0x${effective}`);
  const holds = (bit: bigint) => (held & (1n << bit)) !== 0n;
  // CAP_SYS_ADMIN includes those that were split off from it (capabilities(7)).
  const lacking = CAPABILITIES.filter(([, bit]) => !holds(bit) && !(SPLIT_OFF.includes(bit) && holds(SYS_ADMIN))).map(
    ([name]) => name,
  );
  return lacking.length === 0 ? [] : [`privileges are missing: ${lacking.join(', ')} (run hauberkd as root)`];
}

/** Looked up in the kernel's types: vendors backport helpers to older kernels. */
function missingHelpers(): string[] {
  if (!existsSync(KERNEL_TYPES)) return [];
  return KernelTypes.use((types) =>
    Object.entries(HELPERS)
      .filter(([name]) => !types.hasHelper(name))
      .map(([name, first]) => `this kernel (${release()}) lacks the BPF helper bpf_${name}, which Linux ${first} has`),
  );
}

function missingTypes(): string[] {
  if (existsSync(KERNEL_TYPES)) return [];
  return [`the kernel carries no type information (${KERNEL_TYPES}): build it with CONFIG_DEBUG_INFO_BTF=y`];
}

function missingModule(hostFiles: () => string): string[] {
  if (!existsSync(KERNEL_TYPES)) return [];
  if (!hasFunction('bpf_lsm_file_open')) return ['the kernel was built without CONFIG_BPF_LSM=y'];
  if (!hasFunction('bpf_lsm_path_unlink')) return ['the kernel was built without CONFIG_SECURITY_PATH=y'];
  const active = securityModules();
  if (active.includes('bpf')) return [];
  const list = active.length > 0 ? active.join(',') : (configuredModules() ?? 'lockdown,yama,apparmor');
  return [
    `bpf is not among the active Linux security modules (${active.join(',') || 'unknown'}): ` +
      `boot with lsm=${list},bpf on the kernel command line${adviceFor(`lsm=${list},bpf`, hostFiles)}`,
  ];
}

/** Empty if the host's files cannot be seen: those of a container's image say nothing about the host. */
function adviceFor(parameter: string, hostFiles: () => string): string {
  try {
    return ` (${bootAdvice(parameter, hostFiles())})`;
  } catch {
    return '';
  }
}

/** Mounts the BPF file system at its usual place if it is missing. */
export function mountBpfFileSystem(): void {
  ensureMounted('bpf', '/sys/fs/bpf', undefined);
}

function missingFileSystem(pinDirectory: string): string[] {
  mountBpfFileSystem();
  try {
    mkdirSync(pinDirectory, { recursive: true, mode: 0o700 });
  } catch (error) {
    return [`cannot create ${pinDirectory}: ${(error as Error).message}`];
  }
  if (statfsSync(pinDirectory).type === BPF_FILE_SYSTEM) return [];
  return [`${pinDirectory} is not on a BPF file system: mount -t bpf bpf /sys/fs/bpf`];
}

function hasFunction(name: string): boolean {
  return KernelTypes.use((types) => types.hasFunction(name));
}

/** CONFIG_LSM as the kernel was built, where its configuration can be read. */
function configuredModules(): string | undefined {
  for (const path of [`/boot/config-${release()}`, '/proc/config.gz']) {
    if (!existsSync(path)) continue;
    const bytes = readFileSync(path);
    const text = path.endsWith('.gz') ? gunzipSync(bytes).toString() : bytes.toString();
    return /^CONFIG_LSM="([^"]*)"$/m.exec(text)?.[1];
  }
  return undefined;
}

/** Mounts a pseudo file system at its usual place, unless `witness` (or the type) shows that it is there. */
function ensureMounted(type: 'securityfs' | 'bpf', place: string, witness: string | undefined): void {
  if (!existsSync(place)) return;
  const mounted = witness === undefined ? statfsSync(place).type === BPF_FILE_SYSTEM : existsSync(witness);
  if (!mounted) checked(`cannot mount ${type} on ${place}`, mountFileSystem(type, place));
}
