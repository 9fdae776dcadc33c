import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { NamespacePair } from '../containers/container.js';
import type { BpfLink, BpfProgram } from '../native/bpf-object.js';
import { KernelError } from '../native/kernel-error.js';
import { KernelTypes } from '../native/kernel-types.js';
import { takeWarnings } from '../native/libbpf.js';
import { loadSelected, requireNotEssential, type Selection } from './loading.js';
import type { PinNames } from './map-pins.js';
import type { MissingHook } from './missing-hooks.js';
import { rememberMissing } from './missing-programs.js';
import { isLinked } from './program-roles.js';
import { rawDiskMajors } from './raw-disk-majors.js';
import { readingConstants } from './reading-constants.js';
import { removeDirectory } from './replaced-pins.js';
import { isPassing, retryPassing } from './retry-passing.js';
import { recordMaps } from './self-protection.js';

/** Programs that are pinned, and what is missing beside them. */
export interface Standing {
  readonly names: readonly string[];
  readonly missing: readonly MissingHook[];
  readonly maps: PinNames;
}

/**
 * Loads the programs of an object and attaches the permanent ones, each pinned by its name.
 *
 * @param mapsDirectory where the maps are pinned that outlive the daemon
 * @param required throws if something required is missing
 */
export function attachNew(
  objectPath: string,
  buildDirectory: string,
  mapsDirectory: string,
  host: NamespacePair,
  required: (missing: readonly MissingHook[]) => void,
): Standing {
  const selection = loadSelected(objectPath, ({ object, maps }) => {
    for (const [name, pin] of Object.entries(maps)) object.setMapPin(name, join(mapsDirectory, pin));
    const parametersOf = (hook: string) => KernelTypes.use((types) => types.parametersOf(`bpf_lsm_${hook}`));
    object.setConstants({
      host_mount_namespace: host.mountNamespace,
      host_pid_namespace: host.pidNamespace,
      ...rawDiskMajors(),
      ...readingConstants(),
      rename_has_flags: Number(parametersOf('path_rename') > 4),
      setattr_has_idmap: Number(parametersOf('inode_setattr') > 2),
    });
  });
  try {
    required(selection.missing);
    recordMaps(selection.object, basename(buildDirectory));
    removeDirectory(buildDirectory);
    mkdirSync(buildDirectory, { mode: 0o700 });
    try {
      const standing = attachAll(selection, buildDirectory);
      required(standing.missing);
      return standing;
    } catch (error) {
      // Some without the others would decide about processes that are not tracked.
      removeDirectory(buildDirectory);
      throw error;
    }
  } finally {
    selection.object.close();
  }
}

function attachAll({ programs, missing, maps }: Selection, buildDirectory: string): Standing {
  const names: string[] = [];
  const left = [...missing];
  for (const program of programs) {
    const { name, hook } = program;
    const link = isLinked(name) ? attachOne(program) : undefined;
    if (typeof link === 'string') {
      const notAttached: MissingHook = { program: name, hook, cause: 'not_attached', reason: link };
      requireNotEssential(notAttached);
      left.push(notAttached);
      continue;
    }
    const path = join(buildDirectory, name);
    (link ?? program).pin(path);
    link?.destroy();
    names.push(name);
  }
  // What the kernel's types show need not be remembered: they show it again the next time.
  for (const each of left) if (each.cause !== 'absent') rememberMissing(buildDirectory, each);
  return { names, missing: left, maps };
}

/** @returns the link, or why there is none */
export function attachOne(program: Pick<BpfProgram, 'attach'>): BpfLink | string {
  try {
    return retryPassing(() => {
      // Of the attempt before.
      takeWarnings();
      return program.attach();
    });
  } catch (error) {
    if (!(error instanceof KernelError) || isPassing(error)) throw error;
    return [error.message, ...takeWarnings()].join('; ');
  }
}
