import koffi from 'koffi';
import type { Image } from '../../src/image/image.js';
import { VERDICT_ACTION_SHIFT, VERDICT_ACTIONS, VERDICT_RULE_MASK } from '../../src/image/layout.js';
import { createKernelImage, type KernelImage, releaseKernelImage } from '../../src/kernel/images.js';
import {
  checked,
  checkedPointer,
  closeObject,
  findMap,
  loadObject,
  lookupElement,
  mapDescriptor,
  nextProgram,
  openObject,
  type Pointer,
  programDescriptor,
  takeWarnings,
} from '../../src/kernel/libbpf.js';
import { OPERATIONS, type Operation, type Ownership } from '../../src/policy/effect.js';

const libbpf = koffi.load('libbpf.so.1');
const updateElement = libbpf.func('int bpf_map_update_elem(int fd, const void *key, const void *value, uint64 flags)');
const testRun = libbpf.func('int bpf_prog_test_run_opts(int fd, void *options)');

/** struct bpf_test_run_opts: its size stands first; an empty run has nothing else to say. */
const TEST_RUN_OPTIONS_BYTES = 80;
/** struct question of bpf/match.bpf.c. */
const QUESTION = { offset: 0, programClass: 4, operation: 8, owner: 12, foundProgramClass: 16, verdict: 20, path: 24 };
const PATH_BYTES_MAX = 4096;
const QUESTION_BYTES = QUESTION.path + PATH_BYTES_MAX + 256;
const FIRST = Uint32Array.of(0);

/** The matcher of the enforcement programs, run alone in the kernel by BPF_PROG_TEST_RUN. */
export class BpfMatcher {
  readonly #object: Pointer;
  readonly #program: number;
  readonly #questions: number;
  readonly #images: number;
  #image: KernelImage | undefined;

  constructor(objectPath = 'build/bpf/match.bpf.o') {
    this.#object = checkedPointer('open', openObject(objectPath, null));
    const result = loadObject(this.#object);
    if (result < 0) throw new Error(`cannot load the matcher: ${takeWarnings().join('\n')}`);
    this.#program = checked('program', programDescriptor(nextProgram(this.#object, null)));
    this.#questions = checked('map', mapDescriptor(findMap(this.#object, 'questions')));
    this.#images = checked('map', mapDescriptor(findMap(this.#object, 'image_under_test')));
  }

  use(image: Image): void {
    const next = createKernelImage(image, 1);
    checked('image', updateElement(this.#images, FIRST, Uint32Array.of(next.descriptor), 0));
    if (this.#image !== undefined) releaseKernelImage(this.#image);
    this.#image = next;
  }

  classifyProgram(path: Uint8Array): number {
    return this.#ask(path, 0, 'read', 'owner').readUInt32LE(QUESTION.foundProgramClass);
  }

  decide(path: Uint8Array, programClass: number, operation: Operation, ownership: Ownership) {
    const verdict = this.#ask(path, programClass, operation, ownership).readUInt32LE(QUESTION.verdict);
    const rule = verdict & VERDICT_RULE_MASK;
    return {
      action: VERDICT_ACTIONS[verdict >>> VERDICT_ACTION_SHIFT],
      rule: rule === VERDICT_RULE_MASK ? undefined : rule,
    };
  }

  close(): void {
    if (this.#image !== undefined) releaseKernelImage(this.#image);
    closeObject(this.#object);
  }

  #ask(path: Uint8Array, programClass: number, operation: Operation, ownership: Ownership): Buffer {
    const question = Buffer.alloc(QUESTION_BYTES);
    question.writeUInt32LE(PATH_BYTES_MAX - path.length, QUESTION.offset);
    question.writeUInt32LE(programClass, QUESTION.programClass);
    question.writeUInt32LE(OPERATIONS.indexOf(operation), QUESTION.operation);
    question.writeUInt32LE(ownership === 'owner' ? 1 : 0, QUESTION.owner);
    question.set(path, QUESTION.path + PATH_BYTES_MAX - path.length);
    checked('question', updateElement(this.#questions, FIRST, question, 0));
    const options = Buffer.alloc(TEST_RUN_OPTIONS_BYTES);
    options.writeBigUInt64LE(BigInt(TEST_RUN_OPTIONS_BYTES));
    checked('run', testRun(this.#program, options));
    checked('answer', lookupElement(this.#questions, FIRST, question));
    return question;
  }
}
