import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NamespacePair } from '../containers/container.js';
import { Failure } from '../failure.js';
import { checked } from '../native/kernel-error.js';
import { getPinned, takeWarnings } from '../native/libbpf.js';
import { closeDescriptor } from '../native/libc.js';
import { attachNew, type Standing } from './attaching.js';
import { openSelected } from './loading.js';
import { PINNED_MAPS, type PinnedMap } from './map-pins.js';
import { explainMissing, type MissingHook } from './missing-hooks.js';
import { rememberedMissing } from './missing-programs.js';
import { OnDemandProgram } from './on-demand.js';
import { Pins } from './pins.js';
import {
  ANSWER_LINK,
  ANSWER_PROGRAM,
  CALLS_LINK,
  CALLS_PROGRAM,
  CLAIM_PROGRAM,
  HELD_LINK,
  HELD_PROGRAM,
  isLinked,
  LAYER_PROGRAM,
  LISTENER_ITERATOR,
  RUN_PROGRAMS,
  SEARCH_PROGRAMS,
  TASK_ITERATOR,
} from './program-roles.js';
import { ReplacedPins, removeDirectory } from './replaced-pins.js';

/** The enforcement programs in the kernel: attached, and pinned so that they outlive the daemon. */
export interface AttachedPrograms {
  /** Descriptors of the pinned maps. */
  readonly maps: Readonly<Record<PinnedMap, number>>;
  /** Descriptors of the links, by program name. */
  readonly links: ReadonlyMap<string, number>;
  /** The program that sees each system call as it is made, if the kernel accepts it; not part of `links`. */
  readonly calls: OnDemandProgram | undefined;
  /** The program that decides about open files again, as they are used; like `calls`. */
  readonly held: OnDemandProgram | undefined;
  /** The program that learns the addresses of names from answers; like `calls`. */
  readonly answers: OnDemandProgram | undefined;
  /** Those of the three that exist. */
  readonly onDemand: readonly OnDemandProgram[];
  /** Descriptors of all programs that are run when asked for, by name. */
  readonly run: ReadonlyMap<string, number>;
  /** Descriptors of the programs that find what processes hold; as many as the kernel takes. */
  readonly searches: readonly number[];
  /** Descriptor of the program that confines tasks. */
  readonly taskIterator: number;
  /** Descriptor of the program that notes whose listening sockets are, where the kernel takes it. */
  readonly listenerIterator: number | undefined;
  /** Descriptor of the program that makes a daemon the owner, where the kernel takes it. */
  readonly claim: number | undefined;
  /** Descriptor of the program that finds the layer of a file on an overlay, where the kernel takes it. */
  readonly findLayer: number | undefined;
  /** Which object file they come from. */
  readonly build: string;
  /** The pins of all of these, except the link of `calls`. */
  readonly pins: Pins;
  /** Hooks that nothing is asked at. */
  readonly missing: readonly MissingHook[];
  /** True when an earlier daemon had left these very programs in force. */
  readonly adopted: boolean;
  /**
   * Removes the programs and maps of other builds, which are in force until then. The kernel takes a tenth of a second
   * for each program, so this is done off the event loop.
   *
   * @param signal ends it after the program at hand; the next daemon continues
   */
  removeReplaced(signal: AbortSignal): Promise<void>;
  /** Removes the enforcement: links, maps and pins. */
  detach(): void;
}

/** How programs are to be attached. */
export interface AttachOptions {
  /** Attach all or nothing: refuse a kernel without all of the hooks. */
  readonly requireHooks?: boolean;
}

/** The id of an object file, by which programs of different builds are distinguished. */
export function buildOf(objectPath: string): string {
  return createHash('sha256').update(readFileSync(objectPath)).digest('hex').slice(0, 16);
}

/**
 * Attaches the programs of an object file, or takes over the ones an earlier daemon pinned if they come from the same
 * file. Programs of another file stay in force beside the new ones, with the images that they can read, until
 * `removeReplaced`. What the kernel has no hook for, or does not take, is left out and reported, unless it is
 * essential.
 *
 * @param pinDirectory a directory on a BPF file system
 * @throws Failure failed-precondition with what libbpf and the verifier said; the programs of other files stay in force
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
    const [callsWereAttached, heldWasAttached, answersWereRead] = [CALLS_LINK, HELD_LINK, ANSWER_LINK].map(wasAttached);
    const required = (missing: readonly MissingHook[]) => {
      if (requireHooks) requireAll(missing);
    };
    if (pinned !== undefined) required(pinned.missing);
    const standing = pinned ?? attachNew(objectPath, buildDirectory, mapsDirectory, host, required);
    const taken = takeOver(standing, { pinDirectory, programsDirectory, build, mapsDirectory }, pinned !== undefined);
    if (callsWereAttached) taken.calls?.attach();
    if (heldWasAttached) taken.held?.attach();
    if (answersWereRead) taken.answers?.attach();
    return taken;
  } catch (error) {
    const messages = takeWarnings().join('\n');
    throw new Failure(
      'failed-precondition',
      `cannot attach the BPF LSM programs: ${(error as Error).message}${messages && `\n${messages}`}`,
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

/** What an earlier daemon has left of this object; undefined unless each program is there, or known to be missing. */
function pinnedPrograms(objectPath: string, buildDirectory: string): Standing | undefined {
  if (!existsSync(buildDirectory)) return undefined;
  const isPinned = (name: string) => existsSync(join(buildDirectory, name));
  const remembered = [...rememberedMissing(buildDirectory)].filter(([name]) => !isPinned(name));
  const { object, programs, missing, maps } = openSelected(objectPath, new Map(remembered), isPinned);
  object.close();
  const names = programs.map(({ name }) => name);
  return names.every(isPinned) ? { names, missing, maps } : undefined;
}

interface Places {
  readonly pinDirectory: string;
  readonly programsDirectory: string;
  readonly build: string;
  readonly mapsDirectory: string;
}

function takeOver({ names, missing, maps: mapPins }: Standing, places: Places, adopted: boolean): AttachedPrograms {
  const { pinDirectory, programsDirectory, build, mapsDirectory } = places;
  const buildDirectory = join(programsDirectory, build);
  const open = (path: string) => checked(`cannot open ${path}`, getPinned(path));
  const maps = Object.fromEntries(PINNED_MAPS.map((name) => [name, open(join(mapsDirectory, mapPins[name]))]));
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
      ...PINNED_MAPS.map((name) => [join(mapsDirectory, mapPins[name]), maps[name]!] as const),
      ...[...links, ...run].map(([name, descriptor]) => [join(buildDirectory, name), descriptor] as const),
      ...onDemand.map((each) => [each.path, each.descriptor] as const),
    ]),
  );
  const replaced = new ReplacedPins(programsDirectory, build, mapsDirectory, new Set(Object.values(mapPins)));
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
    findLayer: run.get(LAYER_PROGRAM),
    build,
    pins,
    missing,
    adopted,
    removeReplaced: (signal) => replaced.remove(signal),
    detach: () => {
      for (const other of replaced.builds()) removeDirectory(join(programsDirectory, other));
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
