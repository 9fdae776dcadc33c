import { closeSync, constants, existsSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure } from '../failure.js';
import type { BpfObject } from '../native/bpf-object.js';
import { checked, KernelError } from '../native/kernel-error.js';
import { BPF_ANY, lookupElement, runProgram, updateElement } from '../native/libbpf.js';
import { linkIds, mapId, programId } from './descriptor-info.js';
import { deleteIfPresent, keysOf } from './map-elements.js';

/** Order of enum own_kind in bpf/include/owner.h: what is Hauberk's own. */
export const OWN_KINDS = ['map', 'program', 'link', 'directory', 'way', 'group'] as const;
type OwnKind = (typeof OWN_KINDS)[number];

/** struct own_key, struct owner and struct claim of bpf/include/owner.h (a test compares them). */
export const OWN_KEY = { id: 0, device: 8, kind: 12 } as const;
export const OWN_KEY_BYTES = 16;
export const OWNER = { process: 0, start_boottime: 8 } as const;
export const OWNER_BYTES = 72;
export const CLAIM = { kind: 0, descriptor: 4, place: 8 } as const;
export const CLAIM_BYTES = 16;

/** OWN_PLACES_MAX: how many places are distinguished by their filesystems. */
const PLACES_MAX = 8;
/** Opens a file only to identify it. */
const O_PATH = 0o10000000;
const EPERM = 1;
/** Where those of version 2 are: alone, or beside those of version 1. */
const CONTROL_GROUPS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];
const ONLY = Uint32Array.of(0);

/** The number of a build in an element of the map. */
const buildNumber = (build: string): number => Number.parseInt(build.slice(0, 8), 16);

function ownKey(kind: OwnKind, id: number): Buffer {
  const key = Buffer.alloc(OWN_KEY_BYTES);
  key.writeBigUInt64LE(BigInt(id), OWN_KEY.id);
  key.writeUInt32LE(OWN_KINDS.indexOf(kind), OWN_KEY.kind);
  return key;
}

/** Registers every map of a loaded object as Hauberk's own, also those that are not pinned. */
export function recordMaps(object: BpfObject, build: string): void {
  const objects = object.mapDescriptor('own_objects');
  for (const descriptor of object.mapDescriptors()) {
    const result = updateElement(
      objects,
      ownKey('map', mapId(descriptor)),
      Uint32Array.of(buildNumber(build)),
      BPF_ANY,
    );
    checked('cannot name a map as protected', result);
  }
}

interface Logger {
  warn(fields: object, message: string): void;
}

interface OnDemand {
  readonly descriptor: number;
  /** Undefined while it is not attached. */
  readonly link: number | undefined;
}

/** The parts of the programs that are to be protected. */
interface Protected {
  readonly maps: { readonly owner: number; readonly own_objects: number };
  readonly claim: number | undefined;
  readonly build: string;
  readonly links: ReadonlyMap<string, number>;
  readonly run: ReadonlyMap<string, number>;
  readonly onDemand: readonly OnDemand[];
}

/**
 * Only the process that has claimed Hauberk's objects may reach them; the programs called hauberk_self_… refuse them to
 * all others.
 */
export class SelfProtection {
  /** As the host numbers it; part of every entry that this daemon has made. */
  #process = 0;

  constructor(readonly programs: Protected) {}

  /**
   * Makes this process the owner of the programs and their maps, and of the directories with all that is below. Does
   * nothing if the kernel rejects the program for it, which is reported as a missing hook.
   *
   * @param logger is told when it takes over from a daemon that has ended
   * @throws Failure failed-precondition while another daemon lives
   */
  claim(directories: readonly string[], logger: Logger): void {
    const { claim, maps } = this.programs;
    if (claim === undefined) return;
    const before = this.#owner();
    const result = this.#run('map', -1, PLACES_MAX);
    if (result === -EPERM) {
      const message = `another hauberkd, process ${before}, is running and owns the kernel objects: stop it first`;
      throw new Failure('failed-precondition', message);
    }
    checked('cannot claim what is in the kernel', result);
    this.#process = this.#owner();
    for (const [place, directory] of directories.entries()) this.#protectDirectory(directory, place);
    this.#protectGroup(directories.length);
    this.protectPrograms();
    for (const key of keysOf('cannot list what is protected', maps.own_objects, OWN_KEY_BYTES)) this.#forgetOld(key);
    if (before !== 0 && before !== this.#process)
      logger.warn({ before }, 'the daemon that owned the kernel objects has ended: this one takes over');
  }

  /** Registers the programs and links that exist now. */
  protectPrograms(): void {
    if (this.#process === 0) return;
    const { links, run, onDemand } = this.programs;
    const attachedNow = onDemand.flatMap(({ link }) => link ?? []);
    for (const descriptor of [...links.values(), ...attachedNow]) {
      const { link, program } = linkIds(descriptor);
      this.#protect(ownKey('link', link));
      this.#protect(ownKey('program', program));
    }
    for (const descriptor of [...run.values(), ...onDemand.map((each) => each.descriptor)])
      this.#protect(ownKey('program', programId(descriptor)));
  }

  #owner(): number {
    const value = Buffer.alloc(OWNER_BYTES);
    checked('cannot read who owns the programs', lookupElement(this.programs.maps.owner, ONLY, value));
    return value.readUInt32LE(OWNER.process);
  }

  #protectDirectory(path: string, place: number): void {
    const directory = realpathSync(path);
    this.#protectPath('directory', directory, place);
    for (let above = dirname(directory); ; above = dirname(above)) {
      this.#protectPath('way', above, PLACES_MAX);
      if (above === '/') return;
    }
  }

  /** The control group of this process; of version 2 only, where writing to a file of one can end all that is in it. */
  #protectGroup(place: number): void {
    const [, group] = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8')) ?? [];
    const root = CONTROL_GROUPS.find((each) => existsSync(join(each, 'cgroup.procs')));
    if (group === undefined || root === undefined || !existsSync(join(root, group))) return;
    this.#protectPath('group', join(root, group), place);
  }

  /**
   * The kernel determines the inode itself: for some filesystems stat(2) reports another device than the one they are
   * known by.
   */
  #protectPath(kind: OwnKind, path: string, place: number): void {
    const descriptor = openSync(path, constants.O_NOFOLLOW | O_PATH);
    try {
      checked(`cannot protect ${path}`, this.#run(kind, descriptor, place));
    } finally {
      closeSync(descriptor);
    }
  }

  #protect(key: Buffer): void {
    const { own_objects: objects } = this.programs.maps;
    checked(
      'cannot protect what is in the kernel',
      updateElement(objects, key, Uint32Array.of(this.#process), BPF_ANY),
    );
  }

  #run(kind: OwnKind, descriptor: number, place: number): number {
    const argument = Buffer.alloc(CLAIM_BYTES);
    argument.writeUInt32LE(OWN_KINDS.indexOf(kind), CLAIM.kind);
    argument.writeInt32LE(descriptor, CLAIM.descriptor);
    argument.writeUInt32LE(place, CLAIM.place);
    return runProgram(this.programs.claim!, argument);
  }

  /** Removes what an earlier daemon or another build has registered and this one has not. */
  #forgetOld(key: Buffer): void {
    const { own_objects: objects } = this.programs.maps;
    const writer = new Uint32Array(1);
    const kind = OWN_KINDS[key.readUInt32LE(OWN_KEY.kind)];
    const current = kind === 'map' ? buildNumber(this.programs.build) : this.#process;
    const result = lookupElement(objects, key, writer);
    if (result < 0) throw new KernelError('cannot read what is protected', -result);
    if (writer[0] !== current) deleteIfPresent('cannot forget what was protected', objects, key);
  }
}
