import koffi from 'koffi';
import type { Image } from '../../src/image/image.js';
import {
  operationsOn,
  PROGRAM_CLASS_UNNAMED,
  SUBJECTS,
  subjectOf,
  VERDICT_ACTION_SHIFT,
  VERDICT_ACTIONS,
} from '../../src/image/layout.js';
import { actorSymbols } from '../../src/image/walk.js';
import { createKernelImage, type KernelImage } from '../../src/kernel/images.js';
import { readingConstants } from '../../src/kernel/reading-constants.js';
import { checked } from '../../src/native/kernel-error.js';
import { lookupElement, runProgram, takeWarnings, updateElement } from '../../src/native/libbpf.js';
import { setConstants } from '../../src/native/object-constants.js';
import {
  checkedPointer,
  closeObject,
  findMap,
  loadObject,
  mapDescriptor,
  nextProgram,
  openObject,
  type Pointer,
  programDescriptor,
  programName,
} from '../../src/native/object-functions.js';
import { CLASS_OF_OPERATION, type Operation } from '../../src/policy/effect.js';
import { PATH_BUFFER_BYTES, PATH_BYTES_MAX } from '../../test/support/path-buffer.js';

const libbpf = koffi.load('libbpf.so.1');
const valueSize = libbpf.func('uint32 bpf_map__value_size(const void *map)');

export const BENCH_OBJECT = 'build/bpf/bench.bpf.o';

const FIRST = Uint32Array.of(0);

/** Sets the only value of an array map. */
export function setOnlyValue(map: number, value: Uint8Array | Uint32Array): void {
  checked('cannot write a map', updateElement(map, FIRST, value, 0));
}

export function readOnlyValue(map: number, bytes: number): Buffer {
  const value = Buffer.alloc(bytes);
  checked('cannot read a map', lookupElement(map, FIRST, value));
  return value;
}

/** Runs a program of type SYSCALL once. */
export function runOnce(program: number): void {
  checked('cannot run a program', runProgram(program));
}

/** The plain programs and the maps of bpf/bench.bpf.c, loaded into this machine's kernel. */
export class BenchObject {
  readonly #object: Pointer;

  /** @param path the object; this and the constants by which it reads the kernel serve to compare variants */
  constructor(path = BENCH_OBJECT, constants = readingConstants()) {
    this.#object = checkedPointer(`cannot open ${path}`, openObject(path, null));
    setConstants(this.#object, constants);
    const result = loadObject(this.#object);
    if (result < 0) throw new Error(`cannot load ${path} (root is needed):\n${takeWarnings().join('\n')}`);
  }

  /**
   * The descriptor of a map; it is valid until {@link close}.
   *
   * @param valueBytes the expected size of its values, if they are copied: the kernel does not know the size of buffers
   */
  map(name: string, valueBytes?: number): number {
    const map = checkedPointer(`no map ${name}`, findMap(this.#object, name));
    const bytes = valueSize(map);
    if (valueBytes !== undefined && bytes !== valueBytes) {
      throw new Error(`a value of ${name} takes ${bytes} bytes, not ${valueBytes}`);
    }
    return checked(`no map ${name}`, mapDescriptor(map));
  }

  program(name: string): number {
    for (let program = nextProgram(this.#object, null); program; program = nextProgram(this.#object, program)) {
      if (programName(program) === name) return checked(`no program ${name}`, programDescriptor(program));
    }
    throw new Error(`no program ${name}`);
  }

  close(): void {
    closeObject(this.#object);
  }
}

/** struct match_run of bpf/bench.bpf.c. */
const MATCH_RUN = { elapsed: 0, rounds: 8, offset: 12, verdict: 16, actor: 20, subject: 24, operation: 28, path: 32 };
const MATCH_RUN_BYTES = MATCH_RUN.path + PATH_BUFFER_BYTES;

/** The access to decide. */
export interface TimedAccess {
  /** A path, or the object key of what is not a path. */
  readonly key: string | Uint8Array;
  readonly operation: Operation;
  /** Class of the acting program; by default of one that no rule names. */
  readonly programClass?: number;
}

/** The matcher of the enforcement, timed alone in the kernel. */
export class MatchTimer {
  readonly #images: number;
  readonly #runs: number;
  readonly #match: number;
  readonly #empty: number;

  constructor(object: BenchObject) {
    this.#images = object.map('image_under_test');
    this.#runs = object.map('match_runs', MATCH_RUN_BYTES);
    this.#match = object.program('bench_match');
    this.#empty = object.program('bench_empty');
  }

  load(image: Image): KernelImage {
    return createKernelImage(image, 1);
  }

  /** Makes `rounds` decisions, or runs an empty loop of as many; `action` is that of the last decision. */
  run(what: 'match' | 'empty', image: KernelImage, access: TimedAccess, rounds: number) {
    const { key, operation, programClass = PROGRAM_CLASS_UNNAMED } = access;
    const bytes = Buffer.from(key);
    const subject = subjectOf(CLASS_OF_OPERATION[operation]);
    const run = Buffer.alloc(MATCH_RUN_BYTES);
    run.writeUInt32LE(rounds, MATCH_RUN.rounds);
    run.writeUInt32LE(actorSymbols({ programClass }).actor, MATCH_RUN.actor);
    run.writeUInt32LE(SUBJECTS.indexOf(subject), MATCH_RUN.subject);
    run.writeUInt32LE(operationsOn(subject).indexOf(operation), MATCH_RUN.operation);
    run.writeUInt32LE(PATH_BYTES_MAX - bytes.length, MATCH_RUN.offset);
    run.set(bytes, MATCH_RUN.path + PATH_BYTES_MAX - bytes.length);
    setOnlyValue(this.#images, Uint32Array.of(image.descriptor));
    setOnlyValue(this.#runs, run);
    runOnce(what === 'match' ? this.#match : this.#empty);
    const answer = readOnlyValue(this.#runs, MATCH_RUN_BYTES);
    return {
      nanosecondsEach: Number(answer.readBigUInt64LE(MATCH_RUN.elapsed)) / rounds,
      action: VERDICT_ACTIONS[answer.readUInt32LE(MATCH_RUN.verdict) >>> VERDICT_ACTION_SHIFT],
    };
  }
}
