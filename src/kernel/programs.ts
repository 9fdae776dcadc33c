import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { NamespacePair } from '../containers/container.js';
import { Failure } from '../failure.js';
import { IMAGE_LAYOUT } from '../image/layout.js';
import { setConstants } from './constants.js';
import { KernelTypes } from './kernel-types.js';
import {
  attachLsm,
  checked,
  checkedPointer,
  closeDescriptor,
  closeObject,
  destroyLink,
  findMap,
  getPinned,
  loadObject,
  nextProgram,
  openObject,
  type Pointer,
  pinLink,
  pinProgram,
  programName,
  setAutoload,
  setPinPath,
  takeWarnings,
} from './libbpf.js';
import { OnDemandProgram } from './on-demand.js';
import { OPTIONAL_HOOKS } from './optional-hooks.js';
import { Pins } from './pins.js';

/** Maps that outlive the daemon; the next one finds them by these names below the pin directory. */
export const PINNED_MAPS = [
  'containers',
  'container_starts',
  'new_containers',
  'aliased',
  'tasks',
  'events',
  'counters',
  'settings',
  'token_buckets',
  'accepted',
  'accesses',
  'learnt',
  'kept_names',
  'askers',
] as const;
type PinnedMap = (typeof PINNED_MAPS)[number];

/** Images of another layout lie in a map of their own, where the programs that can read them still find them. */
const pinName = (map: PinnedMap): string => (map === 'containers' ? `${map}-${IMAGE_LAYOUT}` : map);

/** It makes every system call of the machine slower, so it is attached only while a rule needs it. */
const CALLS_PROGRAM = 'hauberk_sys_enter';
const CALLS_LINK = `${CALLS_PROGRAM}_link`;
/** It is run when asked for: see task-iterator.ts. */
const TASK_ITERATOR = 'hauberk_mark_tasks';
/** Loaded and pinned, but attached to no hook for good. */
const UNATTACHED_PROGRAMS = [CALLS_PROGRAM, TASK_ITERATOR];

/** The enforcement programs as they stand in the kernel: attached, and pinned so that they outlive the daemon. */
export interface AttachedPrograms {
  /** Descriptors of the pinned maps. */
  readonly maps: Readonly<Record<PinnedMap, number>>;
  /** Descriptors of the links, by program name. */
  readonly links: ReadonlyMap<string, number>;
  /** The program that sees each system call as it is made; `links` is without it. */
  readonly calls: OnDemandProgram;
  /** Descriptor of the program that makes tasks members. */
  readonly taskIterator: number;
  /** Of all of these, but the link of `calls`. */
  readonly pins: Pins;
  /** True when an earlier daemon had left these very programs in force. */
  readonly adopted: boolean;
  /** Takes the programs and maps of other builds away; they are in force until then. */
  removeReplaced(): void;
  /** Takes the enforcement away: links, maps and pins. */
  detach(): void;
}

/**
 * Attaches the programs of an object file, or takes over the ones an earlier daemon pinned if they come from the same
 * file. Programs of another file stay in force beside the new ones, with the images that they can read, until
 * `removeReplaced`.
 *
 * @param pinDirectory a directory on a BPF file system
 * @throws Failure failed-precondition with what libbpf and the verifier said
 */
export function attachPrograms(objectPath: string, pinDirectory: string, host: NamespacePair): AttachedPrograms {
  const build = createHash('sha256').update(readFileSync(objectPath)).digest('hex').slice(0, 16);
  const programsDirectory = join(pinDirectory, 'programs');
  const buildDirectory = join(programsDirectory, build);
  const mapsDirectory = join(pinDirectory, 'maps');
  mkdirSync(mapsDirectory, { recursive: true, mode: 0o700 });
  mkdirSync(programsDirectory, { recursive: true, mode: 0o700 });
  try {
    takeWarnings();
    const object = checkedPointer(`cannot open ${objectPath}`, openObject(objectPath, null));
    try {
      const programs = selectPrograms(object);
      const adopted = programs.every(({ name }) => existsSync(join(buildDirectory, name)));
      const callsWereSeen = readdirSync(programsDirectory).some((each) =>
        existsSync(join(programsDirectory, each, CALLS_LINK)),
      );
      if (!adopted) load(object, programs, buildDirectory, mapsDirectory, host);
      const names = programs.map(({ name }) => name);
      const taken = takeOver(names, { pinDirectory, programsDirectory, build, mapsDirectory }, adopted);
      if (callsWereSeen) taken.calls.attach();
      return taken;
    } finally {
      closeObject(object);
    }
  } catch (error) {
    const said = takeWarnings().join('\n');
    throw new Failure(
      'failed-precondition',
      `cannot attach the BPF LSM programs: ${(error as Error).message}${said && `\n${said}`}`,
      [],
      { cause: error },
    );
  }
}

interface Program {
  readonly name: string;
  readonly pointer: Pointer;
}

/** The programs this kernel has hooks for; the others are told not to load. */
function selectPrograms(object: Pointer): Program[] {
  return KernelTypes.use((types) => {
    const selected: Program[] = [];
    for (let program = nextProgram(object, null); program !== null; program = nextProgram(object, program)) {
      const name: string = programName(program);
      const hook = OPTIONAL_HOOKS[name];
      if (hook !== undefined) {
        const present = hook.isThere(types);
        checked(`cannot select ${name}`, setAutoload(program, present));
        if (!present) continue;
      }
      selected.push({ name, pointer: program });
    }
    return selected;
  });
}

function load(
  object: Pointer,
  programs: readonly Program[],
  buildDirectory: string,
  mapsDirectory: string,
  host: NamespacePair,
): void {
  for (const name of PINNED_MAPS) {
    const map = checkedPointer(`no map ${name} in the object`, findMap(object, name));
    checked(`cannot pin map ${name}`, setPinPath(map, join(mapsDirectory, pinName(name))));
  }
  setConstants(object, { host_mount_namespace: host.mountNamespace, host_pid_namespace: host.pidNamespace });
  checked('cannot load the programs', loadObject(object));
  removeDirectory(buildDirectory);
  mkdirSync(buildDirectory, { mode: 0o700 });
  for (const { name, pointer } of programs) {
    if (UNATTACHED_PROGRAMS.includes(name)) {
      checked(`cannot pin ${name}`, pinProgram(pointer, join(buildDirectory, name)));
      continue;
    }
    const link = checkedPointer(`cannot attach ${name}`, attachLsm(pointer));
    checked(`cannot pin ${name}`, pinLink(link, join(buildDirectory, name)));
    destroyLink(link);
  }
}

interface Places {
  readonly pinDirectory: string;
  readonly programsDirectory: string;
  readonly build: string;
  readonly mapsDirectory: string;
}

function takeOver(names: readonly string[], places: Places, adopted: boolean): AttachedPrograms {
  const { pinDirectory, programsDirectory, build, mapsDirectory } = places;
  const buildDirectory = join(programsDirectory, build);
  const open = (path: string) => checked(`cannot open ${path}`, getPinned(path));
  const maps = Object.fromEntries(PINNED_MAPS.map((name) => [name, open(join(mapsDirectory, pinName(name)))]));
  const linked = names.filter((name) => !UNATTACHED_PROGRAMS.includes(name));
  const links = new Map(linked.map((name) => [name, open(join(buildDirectory, name))]));
  const calls = new OnDemandProgram(join(buildDirectory, CALLS_PROGRAM), join(buildDirectory, CALLS_LINK));
  const taskIterator = open(join(buildDirectory, TASK_ITERATOR));
  const pins = new Pins(
    new Map([
      ...PINNED_MAPS.map((name) => [join(mapsDirectory, pinName(name)), maps[name]!] as const),
      ...[...links].map(([name, link]) => [join(buildDirectory, name), link] as const),
      [calls.path, calls.descriptor],
      [join(buildDirectory, TASK_ITERATOR), taskIterator],
    ]),
  );
  const removeReplaced = () => {
    for (const other of readdirSync(programsDirectory)) {
      if (other !== build) removeDirectory(join(programsDirectory, other));
    }
    const current = new Set(PINNED_MAPS.map(pinName));
    for (const map of readdirSync(mapsDirectory)) if (!current.has(map)) unlinkSync(join(mapsDirectory, map));
  };
  return {
    maps: maps as Record<PinnedMap, number>,
    links,
    calls,
    taskIterator,
    pins,
    adopted,
    removeReplaced,
    detach: () => {
      removeReplaced();
      calls.detach();
      removeDirectory(buildDirectory);
      for (const descriptor of [...links.values(), taskIterator, calls.descriptor]) closeDescriptor(descriptor);
      removeDirectory(programsDirectory);
      for (const descriptor of Object.values(maps)) closeDescriptor(descriptor);
      removeDirectory(mapsDirectory);
      removeDirectory(pinDirectory);
    },
  };
}

/** Removes a directory of pins; a BPF file system knows no recursive removal of its own. */
function removeDirectory(directory: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) unlinkSync(join(directory, name));
  rmdirSync(directory);
}
