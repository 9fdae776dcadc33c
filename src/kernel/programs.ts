import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, unlinkSync } from 'node:fs';
import { rmdir, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { NamespacePair } from '../containers/container.js';
import { Failure } from '../failure.js';
import { IMAGE_LAYOUT } from '../image/layout.js';
import { readingConstants, setConstants } from './constants.js';
import { KernelTypes } from './kernel-types.js';
import { rememberedMissing, rememberMissing } from './left-out.js';
import {
  attachLsm,
  checked,
  checkedPointer,
  closeDescriptor,
  closeObject,
  destroyLink,
  findMap,
  getPinned,
  KernelError,
  type Pointer,
  pinLink,
  pinProgram,
  setPinPath,
  takeWarnings,
} from './libbpf.js';
import { isPassing, loadSelected, openSelected, type Program, requireNotEssential, type Selection } from './loading.js';
import { explainMissing, type MissingHook } from './missing-hooks.js';
import { OnDemandProgram } from './on-demand.js';
import { Pins } from './pins.js';
import { recordMaps } from './self-protection.js';

/** Maps that outlive the daemon; the next one finds them by these names below the pin directory. */
export const PINNED_MAPS = [
  'containers',
  'container_starts',
  'container_roots',
  'new_containers',
  'aliased',
  'tasks',
  'events',
  'counters',
  'settings',
  'token_buckets',
  'accepted',
  'listeners',
  'nodes',
  'accesses',
  'learnt',
  'learnt_shares',
  'learnt_places',
  'kept_names',
  'askers',
  'owner',
  'own_objects',
  'searched',
  'held',
] as const;
type PinnedMap = (typeof PINNED_MAPS)[number];

/**
 * Images of another layout lie in a map of their own, where the programs that can read them still find them; and so does
 * what is kept with tasks, classes of programs in such images.
 */
const pinName = (map: PinnedMap): string => (map === 'containers' || map === 'tasks' ? `${map}-${IMAGE_LAYOUT}` : map);

/** It makes every system call of the machine slower, so it is attached only while a rule needs it. */
const CALLS_PROGRAM = 'hauberk_sys_enter';
const CALLS_LINK = `${CALLS_PROGRAM}_link`;
/** They are run when asked for: see task-iterator.ts. */
const TASK_ITERATOR = 'hauberk_mark_tasks';
const LISTENER_ITERATOR = 'hauberk_mark_listeners';
/** It is run by a daemon that starts: see self-protection.ts. */
const CLAIM_PROGRAM = 'hauberk_claim';
/** It is asked at every read and write of the machine, so it is attached only while a container holds what it may not. */
const HELD_PROGRAM = 'hauberk_file_permission';
const HELD_LINK = `${HELD_PROGRAM}_link`;
/** It is asked about every packet that comes for a socket, so it is attached only while a rule names hosts. */
const ANSWER_PROGRAM = 'hauberk_answer';
const ANSWER_LINK = `${ANSWER_PROGRAM}_link`;
/** They are run when asked for: see holdings.ts. */
const SEARCH_PROGRAMS = ['hauberk_find_descriptors', 'hauberk_find_rings', 'hauberk_find_mappings'];
/** It is run when a container's root is looked at: see layer-trial.ts. */
const LAYER_PROGRAM = 'hauberk_tell_layer';
/** Attached to no hook. */
const RUN_PROGRAMS = [TASK_ITERATOR, LISTENER_ITERATOR, CLAIM_PROGRAM, LAYER_PROGRAM, ...SEARCH_PROGRAMS];
/** Loaded and pinned, but attached to no hook for good. */
const UNATTACHED_PROGRAMS = [CALLS_PROGRAM, HELD_PROGRAM, ANSWER_PROGRAM, ...RUN_PROGRAMS];
const isLinked = (name: string): boolean => !UNATTACHED_PROGRAMS.includes(name);

/** The enforcement programs as they stand in the kernel: attached, and pinned so that they outlive the daemon. */
export interface AttachedPrograms {
  /** Descriptors of the pinned maps. */
  readonly maps: Readonly<Record<PinnedMap, number>>;
  /** Descriptors of the links, by program name. */
  readonly links: ReadonlyMap<string, number>;
  /** The program that sees each system call as it is made, where the kernel takes it; `links` is without it. */
  readonly calls: OnDemandProgram | undefined;
  /** The program that decides of open files once more, as they are used; as `calls`. */
  readonly held: OnDemandProgram | undefined;
  /** The program that learns the addresses of names from answers; as `calls`. */
  readonly answers: OnDemandProgram | undefined;
  /** All of these, where they are there. */
  readonly onDemand: readonly OnDemandProgram[];
  /** Descriptors of all programs that are run when asked for, by name. */
  readonly run: ReadonlyMap<string, number>;
  /** Descriptors of the programs that find what processes hold; as many as the kernel takes. */
  readonly searches: readonly number[];
  /** Descriptor of the program that makes tasks members. */
  readonly taskIterator: number;
  /** Descriptor of the program that notes whose listening sockets are, where the kernel takes it. */
  readonly listenerIterator: number | undefined;
  /** Descriptor of the program that makes a daemon the owner, where the kernel takes it. */
  readonly claim: number | undefined;
  /** Descriptor of the program that tells a file's layer of an overlay, where the kernel takes it. */
  readonly tellLayer: number | undefined;
  /** Which object file they come from. */
  readonly build: string;
  /** Of all of these, but the link of `calls`. */
  readonly pins: Pins;
  /** Hooks that nothing is asked at. */
  readonly missing: readonly MissingHook[];
  /** True when an earlier daemon had left these very programs in force. */
  readonly adopted: boolean;
  /**
   * Takes the programs and maps of other builds away; they are in force until then. The kernel waits a tenth of a second
   * for each program, and so this is done off the event loop.
   *
   * @param signal ends it after the program at hand; the next daemon goes on
   */
  removeReplaced(signal: AbortSignal): Promise<void>;
  /** Takes the enforcement away: links, maps and pins. */
  detach(): void;
}

/** How programs are to be attached. */
export interface AttachOptions {
  /** Attach all or nothing: refuse a kernel that a hook is missing of. */
  readonly requireHooks?: boolean;
}

/** What the programs of an object file are called together: those of another file are other programs. */
export function buildOf(objectPath: string): string {
  return createHash('sha256').update(readFileSync(objectPath)).digest('hex').slice(0, 16);
}

/**
 * Attaches the programs of an object file, or takes over the ones an earlier daemon pinned if they come from the same
 * file. Programs of another file stay in force beside the new ones, with the images that they can read, until
 * `removeReplaced`. What the kernel has no hook for, or does not take, is left out and told, unless it is essential.
 *
 * @param pinDirectory a directory on a BPF file system
 * @throws Failure failed-precondition with what libbpf and the verifier said; what programs of other files had in force
 *   stays so
 */
export function attachPrograms(
  objectPath: string,
  pinDirectory: string,
  host: NamespacePair,
  { requireHooks = false }: AttachOptions = {},
): AttachedPrograms {
  const build = buildOf(objectPath);
  const programsDirectory = join(pinDirectory, 'programs');
  const buildDirectory = join(programsDirectory, build);
  const mapsDirectory = join(pinDirectory, 'maps');
  mkdirSync(mapsDirectory, { recursive: true, mode: 0o700 });
  mkdirSync(programsDirectory, { recursive: true, mode: 0o700 });
  try {
    takeWarnings();
    const pinned = pinnedPrograms(objectPath, buildDirectory);
    const wasAttached = (link: string) =>
      readdirSync(programsDirectory).some((each) => existsSync(join(programsDirectory, each, link)));
    const [callsWereSeen, filesWereHeld, answersWereRead] = [CALLS_LINK, HELD_LINK, ANSWER_LINK].map(wasAttached);
    const required = (missing: readonly MissingHook[]) => {
      if (requireHooks) requireAll(missing);
    };
    if (pinned !== undefined) required(pinned.missing);
    const standing = pinned ?? load(objectPath, { buildDirectory, mapsDirectory }, host, required);
    const taken = takeOver(standing, { pinDirectory, programsDirectory, build, mapsDirectory }, pinned !== undefined);
    if (callsWereSeen) taken.calls?.attach();
    if (filesWereHeld) taken.held?.attach();
    if (answersWereRead) taken.answers?.attach();
    return taken;
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

/** @throws Failure failed-precondition naming all that is missing */
function requireAll(missing: readonly MissingHook[]): void {
  if (missing.length === 0) return;
  const all = missing.map((each) => `- ${explainMissing(each)}`).join('\n');
  throw new Failure('failed-precondition', `hooks are missing, and --require-hooks asks for all of them:\n${all}`);
}

/** Programs that are pinned, and what is missing beside them. */
interface Standing {
  readonly names: readonly string[];
  readonly missing: readonly MissingHook[];
}

/** What an earlier daemon has left of this object; undefined unless each program is there, or known to be missing. */
function pinnedPrograms(objectPath: string, buildDirectory: string): Standing | undefined {
  if (!existsSync(buildDirectory)) return undefined;
  const isPinned = (name: string) => existsSync(join(buildDirectory, name));
  const remembered = [...rememberedMissing(buildDirectory)].filter(([name]) => !isPinned(name));
  const { object, programs, missing } = openSelected(objectPath, new Map(remembered));
  closeObject(object);
  const names = programs.map(({ name }) => name);
  return names.every(isPinned) ? { names, missing } : undefined;
}

function load(
  objectPath: string,
  { buildDirectory, mapsDirectory }: Pick<Places, 'mapsDirectory'> & { readonly buildDirectory: string },
  host: NamespacePair,
  required: (missing: readonly MissingHook[]) => void,
): Standing {
  const selection = loadSelected(objectPath, (object) => {
    for (const name of PINNED_MAPS) {
      const map = checkedPointer(`no map ${name} in the object`, findMap(object, name));
      checked(`cannot pin map ${name}`, setPinPath(map, join(mapsDirectory, pinName(name))));
    }
    const parametersOf = (hook: string) => KernelTypes.use((types) => types.parametersOf(`bpf_lsm_${hook}`));
    setConstants(object, {
      host_mount_namespace: host.mountNamespace,
      host_pid_namespace: host.pidNamespace,
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
      // Some without the others would decide of processes that nobody keeps track of.
      removeDirectory(buildDirectory);
      throw error;
    }
  } finally {
    closeObject(selection.object);
  }
}

function attachAll({ programs, missing }: Selection, buildDirectory: string): Standing {
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
    checked(`cannot pin ${name}`, link === undefined ? pinProgram(program.pointer, path) : pinLink(link.pointer, path));
    if (link !== undefined) destroyLink(link.pointer);
    names.push(name);
  }
  // What the kernel's types tell is told by them the next time.
  for (const each of left) if (each.cause !== 'absent') rememberMissing(buildDirectory, each);
  return { names, missing: left };
}

/** @returns the link, or why there is none */
function attachOne({ name, pointer }: Program): { pointer: Pointer } | string {
  try {
    return { pointer: checkedPointer(`the kernel does not attach ${name}`, attachLsm(pointer)) };
  } catch (error) {
    if (!(error instanceof KernelError) || isPassing(error.errno)) throw error;
    return [error.message, ...takeWarnings()].join('; ');
  }
}

interface Places {
  readonly pinDirectory: string;
  readonly programsDirectory: string;
  readonly build: string;
  readonly mapsDirectory: string;
}

function takeOver({ names, missing }: Standing, places: Places, adopted: boolean): AttachedPrograms {
  const { pinDirectory, programsDirectory, build, mapsDirectory } = places;
  const buildDirectory = join(programsDirectory, build);
  const open = (path: string) => checked(`cannot open ${path}`, getPinned(path));
  const maps = Object.fromEntries(PINNED_MAPS.map((name) => [name, open(join(mapsDirectory, pinName(name)))]));
  const links = new Map(names.filter(isLinked).map((name) => [name, open(join(buildDirectory, name))]));
  const openOnDemand = (program: string, link: string) =>
    names.includes(program)
      ? new OnDemandProgram(join(buildDirectory, program), join(buildDirectory, link))
      : undefined;
  const calls = openOnDemand(CALLS_PROGRAM, CALLS_LINK);
  const held = openOnDemand(HELD_PROGRAM, HELD_LINK);
  const answers = openOnDemand(ANSWER_PROGRAM, ANSWER_LINK);
  const onDemand = [calls, held, answers].filter((each) => each !== undefined);
  const run = new Map(
    RUN_PROGRAMS.filter((name) => names.includes(name)).map((name) => [name, open(join(buildDirectory, name))]),
  );
  const pins = new Pins(
    new Map([
      ...PINNED_MAPS.map((name) => [join(mapsDirectory, pinName(name)), maps[name]!] as const),
      ...[...links, ...run].map(([name, descriptor]) => [join(buildDirectory, name), descriptor] as const),
      ...onDemand.map((each) => [each.path, each.descriptor] as const),
    ]),
  );
  const replaced = () => readdirSync(programsDirectory).filter((other) => other !== build);
  const replacedMaps = () => {
    const current = new Set(PINNED_MAPS.map(pinName));
    return readdirSync(mapsDirectory).filter((map) => !current.has(map));
  };
  const removeReplaced = async (signal: AbortSignal) => {
    for (const other of replaced()) {
      const directory = join(programsDirectory, other);
      for (const name of readdirSync(directory)) {
        if (signal.aborted) return;
        await unlink(join(directory, name));
      }
      await rmdir(directory);
    }
    for (const map of replacedMaps()) await unlink(join(mapsDirectory, map));
  };
  return {
    maps: maps as Record<PinnedMap, number>,
    links,
    calls,
    held,
    answers,
    onDemand,
    run,
    searches: SEARCH_PROGRAMS.flatMap((name) => run.get(name) ?? []),
    // Nothing is attached without it.
    taskIterator: run.get(TASK_ITERATOR)!,
    listenerIterator: run.get(LISTENER_ITERATOR),
    claim: run.get(CLAIM_PROGRAM),
    tellLayer: run.get(LAYER_PROGRAM),
    build,
    pins,
    missing,
    adopted,
    removeReplaced,
    detach: () => {
      for (const other of replaced()) removeDirectory(join(programsDirectory, other));
      for (const each of onDemand) each.detach();
      removeDirectory(buildDirectory);
      for (const descriptor of [...links.values(), ...run.values()]) closeDescriptor(descriptor);
      for (const each of onDemand) closeDescriptor(each.descriptor);
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
