import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { arch, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { osRelease } from '../../kernel/boot-advice.js';

const run = promisify(execFile);
const COMMAND_MILLISECONDS = 5000;
const LOG_LINES = '100';
/** Options the kernel must be built with, and the modules it activates by default. */
const KERNEL_OPTIONS = ['CONFIG_BPF_LSM', 'CONFIG_DEBUG_INFO_BTF', 'CONFIG_SECURITY_PATH', 'CONFIG_LSM'];
const SYSTEM_FIELDS = ['PRETTY_NAME', 'ID', 'VERSION_ID'];

/** Information about the machine that does not come from the daemon. @param root where its files lie */
export async function examineMachine(root: string) {
  const text = (path: string) => textOf(join(root, path));
  const system = osRelease(root);
  return {
    system: Object.fromEntries(SYSTEM_FIELDS.flatMap((name) => (system[name] ? [[name, system[name]]] : []))),
    kernel: release(),
    architecture: arch(),
    memoryMegabytes: Math.round(totalmem() / 1024 ** 2),
    root: process.getuid?.() === 0,
    securityModules: text('/sys/kernel/security/lsm')?.trim() ?? '(not reported)',
    // The rest of the command line is private.
    bootedWith:
      text('/proc/cmdline')
        ?.match(/(?:^|\s)(?:lsm|security)=\S*/gu)
        ?.map((each) => each.trim()) ?? [],
    kernelTypes: existsSync(join(root, '/sys/kernel/btf/vmlinux')),
    kernelOptions: kernelOptions(root),
    cgroups: existsSync(join(root, '/sys/fs/cgroup/cgroup.controllers')) ? 'v2' : 'v1 or mixed',
    service: root === '/' ? await serviceOf('hauberkd') : '(of another root)',
  };
}

function kernelOptions(root: string): Record<string, string> {
  const text = textOf(join(root, `/boot/config-${release()}`)) ?? unpacked(join(root, '/proc/config.gz')) ?? '';
  const settingOf = (name: string) => new RegExp(`^${name}=(.*)$`, 'mu').exec(text)?.[1] ?? '(not reported)';
  return Object.fromEntries(KERNEL_OPTIONS.map((name) => [name, settingOf(name)]));
}

async function serviceOf(unit: string) {
  const properties = 'ActiveState,SubState,NRestarts,ExecMainStatus,ActiveEnterTimestamp';
  return {
    state: await outputOf('systemctl', ['show', unit, '--property', properties]),
    log: await outputOf('journalctl', ['--unit', unit, '--lines', LOG_LINES, '--output', 'cat', '--no-pager']),
  };
}

async function outputOf(program: string, parameters: readonly string[]): Promise<string[]> {
  try {
    const { stdout } = await run(program, [...parameters], { timeout: COMMAND_MILLISECONDS });
    return stdout.trimEnd().split('\n');
  } catch (error) {
    return [`(${program} does not answer: ${(error as Error).message.split('\n')[0]})`];
  }
}

function textOf(path: string): string | undefined {
  return attempt(() => readFileSync(path, 'utf8'));
}

function unpacked(path: string): string | undefined {
  return attempt(() => gunzipSync(readFileSync(path)).toString());
}

function attempt<Result>(task: () => Result): Result | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}
