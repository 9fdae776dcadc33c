import { spawnSync } from 'node:child_process';
import { builtFile } from '../built-files.js';
import { Failure } from '../failure.js';
import { isObject, type JsonObject } from '../json-shape.js';
import type { Host } from './host.js';
import { parseJsonObject } from './json-text.js';

/** One entry of `hooks.createRuntime` in an OCI runtime specification. */
export interface OciHook {
  readonly path: string;
  readonly args: readonly string[];
}

/** Runs a program of a host with its libraries; see helpers/pod/main.c. */
const POD_HELPER = builtFile('pod/hauberk-pod');
const HOST_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The output of a host's "ctr oci spec", made by the same code as CRI's default if no base_runtime_spec is set. */
export function containerdDefaultSpec({ root, isThisMachine }: Host): JsonObject {
  const command = ['ctr', 'oci', 'spec'];
  const [program, ...parameters] = isThisMachine ? command : [POD_HELPER, 'chroot', root, ...command];
  const env = isThisMachine ? process.env : { ...process.env, PATH: HOST_PATH };
  const { status, stdout, stderr, error } = spawnSync(program!, parameters, { encoding: 'utf8', env });
  if (status !== 0)
    throw new Failure(
      'failed-precondition',
      `containerd's default specification cannot be had by "ctr oci spec" (${error?.message ?? stderr.trim()}); name a file with --base-spec`,
    );
  return parseJsonObject('ctr oci spec', stdout);
}

/**
 * What CRI makes of the default before a container's own settings: it takes out the limits and profiles that stand in
 * the default, but leaves those of a base_runtime_spec. Otherwise every container could open at most 1,024 files.
 */
export function withoutDefaultLimits(path: string, spec: JsonObject): JsonObject {
  const { rlimits: _, apparmorProfile: __, ...process } = object(`${path}: process`, spec.process ?? {});
  const { seccomp: ___, ...linux } = object(`${path}: linux`, spec.linux ?? {});
  return { ...spec, process, linux };
}

/**
 * The specification with the hook added, once. The path of the control group is left out: it holds the namespace that
 * ctr was asked in, and CRI sets its own for each container.
 */
export function withHook(path: string, spec: JsonObject, hook: OciHook): JsonObject {
  const hooks = object(`${path}: hooks`, spec.hooks ?? {});
  const present = hooks.createRuntime ?? [];
  if (!Array.isArray(present)) throw new Failure('invalid-argument', `${path}: hooks.createRuntime must be a list`);
  const others = present.filter((each) => !isHauberks(each));
  const { cgroupsPath: _, ...linux } = object(`${path}: linux`, spec.linux ?? {});
  return { ...spec, hooks: { ...hooks, createRuntime: [...others, hook] }, ...('linux' in spec && { linux }) };
}

function isHauberks(hook: unknown): boolean {
  const { path } = (hook ?? {}) as Partial<OciHook>;
  return typeof path === 'string' && path.endsWith('/hauberk-hook');
}

function object(what: string, value: unknown): JsonObject {
  if (!isObject(value)) throw new Failure('invalid-argument', `${what} must be an object`);
  return value;
}
