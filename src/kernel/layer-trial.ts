import { closeSync, constants, lstatSync, opendirSync, openSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerRoot } from '../containers/container.js';
import { hostRoot } from '../containers/procfs.js';
import { checked } from '../native/kernel-error.js';
import { runProgram } from '../native/libbpf.js';

/** Order of enum layer in bpf/include/layer_trial.h. */
const LAYERS = ['lower', 'upper', 'none'] as const;
type Layer = (typeof LAYERS)[number];

/** include/uapi/linux/magic.h: filesystems that roots of containers are commonly on. */
const OVERLAYFS = 0x794c7630;
const FILESYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x01021994, 'tmpfs'],
  [0x2fc12fc1, 'zfs'],
  [0x58465342, 'xfs'],
  [0x65735546, 'fuse'],
  [0x9123683e, 'btrfs'],
  [0xef53, 'ext4'],
]);
/** Opens a file only to identify it. */
const O_PATH = 0o10000000;
/** At most this many entries of a root are looked at; most of them came with the image. */
const ENTRIES_MAX = 64;
const MINOR_BITS = 20;

/**
 * Whether what a container's image brought can be distinguished from what came later. Where the programs in the kernel
 * look for the upper layer of a file is a guess (see bpf/include/layers.h), so it is tested on the first root found on
 * an overlay. That needs neither a mount by the daemon, which its service may not make, nor a module that is already
 * loaded.
 */
export class LayerTrial {
  /** The result is the same for all overlays of a kernel. */
  #passed = false;

  /** @param program finds the layer of an open file; undefined if the kernel rejects it */
  constructor(readonly program: number | undefined) {}

  /**
   * @param path where the root of a container is to be seen
   * @param process one that sees the root among its mounts
   */
  examine(path: string, process: number): ContainerRoot {
    const root = `${path}/`;
    try {
      const type = statfsSync(root).type;
      if (type !== OVERLAYFS) return { problem: `its root is on ${nameOf(type)}, not on overlayfs` };
      const { dev } = statSync(root);
      const device = kernelDevice(dev);
      const problem = this.#passed ? undefined : this.#try(root, dev, upperDirectory(device, process));
      if (problem !== undefined) return { problem };
      this.#passed = true;
      return { device };
    } catch (error) {
      return { problem: `its root could not be looked at: ${(error as Error).message}` };
    }
  }

  /** @returns what is wrong */
  #try(root: string, device: number, upper: string | undefined): string | undefined {
    if (this.program === undefined)
      return 'the kernel rejects the program that finds the layer of a file on an overlay';
    // Merged of all layers.
    if (this.#layerOf(root) !== 'upper')
      return 'this kernel does not report the layers of an overlay: its root has none';
    let lower = 0;
    for (const name of firstEntries(root)) {
      const path = join(root, name);
      // Something else may be mounted there.
      if (lstat(path)?.dev !== device) continue;
      const isChanged = () => upper !== undefined && lstat(join(upper, name)) !== undefined;
      const wasChanged = isChanged();
      const layer = this.#layerOf(path);
      if (layer === 'lower') lower++;
      const isSure = upper !== undefined && wasChanged === isChanged();
      if (isSure && layer !== (wasChanged ? 'upper' : 'lower'))
        return `this kernel does not report the layers of an overlay: /${name} is taken for ${layer}`;
    }
    return lower > 0
      ? undefined
      : 'nothing at the top of its root is as its image brought it, so telling layers apart could not be tested';
  }

  #layerOf(path: string): Layer {
    const descriptor = openSync(path, O_PATH | constants.O_NOFOLLOW);
    try {
      const question = Buffer.alloc(4);
      question.writeUInt32LE(descriptor);
      return LAYERS[checked(`cannot determine the layer of ${path}`, runProgram(this.program!, question))]!;
    } finally {
      closeSync(descriptor);
    }
  }
}

/** The container may change its root meanwhile, and use links that lead out of it. */
const lstat = (path: string) => lstatSync(path, { throwIfNoEntry: false });

function firstEntries(root: string): string[] {
  const directory = opendirSync(root);
  try {
    const names: string[] = [];
    for (let entry = directory.readSync(); entry !== null && names.length < ENTRIES_MAX; entry = directory.readSync())
      names.push(entry.name);
    return names;
  } finally {
    directory.closeSync();
  }
}

/** Converts a device number of stat(2) to the kernel's own form. */
function kernelDevice(device: number): number {
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  const major = (device >>> 8) & 0xfff;
  return ((major << MINOR_BITS) | minor) >>> 0;
}

/** Where the host sees the upper layer of the overlay with this device; undefined where it does not. */
function upperDirectory(device: number, process: number): string | undefined {
  const number = `${device >>> MINOR_BITS}:${device & ((1 << MINOR_BITS) - 1)}`;
  const mount = readFileSync(`/proc/${process}/mountinfo`, 'utf8')
    .split('\n')
    .find((line) => line.split(' ')[2] === number);
  const upper = /(?:^|,)upperdir=((?:\\.|[^,\\])*)/u.exec(mount?.split(' ').at(-1) ?? '')?.[1];
  if (upper === undefined) return undefined;
  // Blanks and the like are written in octal.
  const path =
    hostRoot() + upper.replace(/\\(\d{3})/gu, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
  return lstat(path) && path;
}

function nameOf(type: number): string {
  return FILESYSTEMS.get(type) ?? `a filesystem of type 0x${type.toString(16)}`;
}
