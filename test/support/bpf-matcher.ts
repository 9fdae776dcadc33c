import type { Image } from '../../src/image/image.js';
import { digits } from '../../src/image/key-digits.js';
import {
  operationsOn,
  PROGRAM_CLASS_MASK,
  SUBJECTS,
  type Subject,
  subjectOfOperation,
} from '../../src/image/layout.js';
import { ARGUMENT_RULE_DIGITS } from '../../src/image/object-keys.js';
import { type Actor, actorSymbols, type Decision, decodeVerdict } from '../../src/image/walk.js';
import { createKernelImage, type KernelImage, releaseKernelImage } from '../../src/kernel/images.js';
import { checked } from '../../src/native/kernel-error.js';
import { lookupElement, runProgram, takeWarnings, updateElement } from '../../src/native/libbpf.js';
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
} from '../../src/native/object-functions.js';
import type { Operation, Ownership } from '../../src/policy/effect.js';
import { PATH_BUFFER_BYTES, PATH_BYTES_MAX } from './path-buffer.js';

/** struct question of bpf/match.bpf.c. */
const QUESTION = {
  offset: 0,
  actor: 4,
  parent: 8,
  subject: 12,
  objectClass: 16,
  wanted: 28,
  owner: 32,
  verdict: 36,
  path: 40,
};
const QUESTION_BYTES = QUESTION.path + PATH_BUFFER_BYTES;
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
    const classes = this.#ask(path, 'path', { programClass: 0 }, [0], 'owner').readUInt32LE(QUESTION.objectClass);
    return classes & PROGRAM_CLASS_MASK;
  }

  decide(key: Uint8Array, actor: Actor, operation: Operation, ownership: Ownership): Decision {
    return this.decideAll(key, actor, [operation], ownership);
  }

  /** The decision on an access that is several operations on the same subject. */
  decideAll(key: Uint8Array, actor: Actor, operations: readonly Operation[], ownership: Ownership): Decision {
    const subject = subjectOfOperation(operations[0]!);
    const entries = operations.map((operation) => operationsOn(subject).indexOf(operation));
    return decodeVerdict(this.#ask(key, subject, actor, entries, ownership).readUInt32LE(QUESTION.verdict));
  }

  allowsArgument(rule: number, argument: Uint8Array): boolean {
    const key = Buffer.concat([Buffer.from(`a${digits(rule, ARGUMENT_RULE_DIGITS)}`), argument]);
    const answer = this.#ask(key, 'arguments', { programClass: 0 }, [0], 'owner');
    return decodeVerdict(answer.readUInt32LE(QUESTION.verdict)).rule === rule;
  }

  close(): void {
    if (this.#image !== undefined) releaseKernelImage(this.#image);
    closeObject(this.#object);
  }

  #ask(key: Uint8Array, subject: Subject, acting: Actor, entries: readonly number[], ownership: Ownership): Buffer {
    const question = Buffer.alloc(QUESTION_BYTES);
    question.writeUInt32LE(PATH_BYTES_MAX - key.length, QUESTION.offset);
    const { actor, parent } = actorSymbols(acting);
    question.writeUInt32LE(actor, QUESTION.actor);
    question.writeUInt32LE(parent, QUESTION.parent);
    question.writeUInt32LE(SUBJECTS.indexOf(subject), QUESTION.subject);
    question.writeUInt32LE(
      entries.reduce((wanted, entry) => wanted | (1 << entry), 0),
      QUESTION.wanted,
    );
    question.writeUInt32LE(ownership === 'owner' ? 1 : 0, QUESTION.owner);
    question.set(key, QUESTION.path + PATH_BYTES_MAX - key.length);
    checked('question', updateElement(this.#questions, FIRST, question, 0));
    checked('run', runProgram(this.#program));
    checked('answer', lookupElement(this.#questions, FIRST, question));
    return question;
  }
}
