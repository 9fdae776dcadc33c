import { existsSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { infoOfProgram, programOfLink } from '../../src/kernel/descriptor-info.js';
import { checked } from '../../src/native/kernel-error.js';
import { getPinned, takeWarnings } from '../../src/native/libbpf.js';
import { closeDescriptor } from '../../src/native/libc.js';
import {
  checkedPointer,
  closeObject,
  loadObject,
  nextProgram,
  openObject,
  type Pointer,
  programDescriptor,
  programName,
  setAutoload,
} from '../../src/native/object-functions.js';
import { BENCH_OBJECT } from '../support/bench-object.js';

const libbpf = koffi.load('libbpf.so.1');
const sectionName = libbpf.func('const char *bpf_program__section_name(bpf_program *program)');
/** Without a name this attaches a program to the hook for which it was loaded. */
const openTracepoint = libbpf.func('int bpf_raw_tracepoint_open(const char *name, int program)');

export const ENFORCEMENT_OBJECT = 'build/bpf/hauberk.bpf.o';

/** Loaded programs that can quickly be attached to their hooks and detached. */
export class Attachable {
  #links: number[] = [];

  constructor(readonly programs: readonly number[]) {}

  attach(): void {
    this.#links = this.programs.map((program) => checked('cannot attach', openTracepoint(null, program)));
  }

  detach(): void {
    for (const link of this.#links) closeDescriptor(link);
    this.#links = [];
  }
}

/** The LSM programs of an object file: name to section, which names the hook. Nothing is loaded. */
export function lsmSections(objectPath: string): Map<string, string> {
  const object = checkedPointer(`cannot open ${objectPath}`, openObject(objectPath, null));
  const sections = programsOf(object).map((program): [string, string] => [
    programName(program),
    sectionName(program).replace(/^\?/, ''),
  ]);
  closeObject(object);
  return new Map(sections.filter(([, section]) => section.startsWith('lsm/')));
}

/** Pinned, and attached only while something needs it. */
const ON_DEMAND = ['hauberk_file_permission', 'hauberk_answer'];

export interface Enforcement {
  readonly sections: ReadonlySet<string>;
  readonly enforcement: Attachable;
  /** How many instructions the kernel's verifier went through, by the name of each program. */
  readonly verified: ReadonlyMap<string, number>;
}

/** Takes over the pinned LSM programs of a daemon that has ended: they stay loaded, but are detached. */
export function takeEnforcement(pinDirectory: string): Enforcement {
  const directories = join(pinDirectory, 'programs');
  const [build] = existsSync(directories) ? readdirSync(directories) : [];
  if (build === undefined) throw new Error(`no programs are pinned below ${pinDirectory}`);
  const sectionOf = lsmSections(ENFORCEMENT_OBJECT);
  const names = readdirSync(join(directories, build)).filter(
    (name) => sectionOf.has(name) && !ON_DEMAND.includes(name),
  );
  const programs = names.map((name) => {
    const path = join(directories, build, name);
    const link = checked(`cannot open ${path}`, getPinned(path));
    const program = programOfLink(link);
    unlinkSync(path);
    closeDescriptor(link);
    return program;
  });
  return {
    sections: new Set(names.map((name) => sectionOf.get(name)!)),
    enforcement: new Attachable(programs),
    verified: new Map(names.map((name, index) => [name, infoOfProgram(programs[index]!).verifiedInstructions])),
  };
}

/** Loads an empty program for each of these sections. */
export function loadEmpty(sections: ReadonlySet<string>): Attachable {
  const object = checkedPointer(`cannot open ${BENCH_OBJECT}`, openObject(BENCH_OBJECT, null));
  const chosen: Pointer[] = [];
  for (const program of programsOf(object)) {
    const section = sectionName(program).replace(/^\?/, '');
    if (sections.has(section)) chosen.push(program);
    checked('cannot select a program', setAutoload(program, sections.has(section)));
  }
  if (chosen.length !== sections.size) throw new Error(`${BENCH_OBJECT} lacks an empty program for a hook`);
  if (loadObject(object) < 0) throw new Error(`cannot load ${BENCH_OBJECT}:\n${takeWarnings().join('\n')}`);
  return new Attachable(chosen.map((program) => checked('no program', programDescriptor(program))));
}

function programsOf(object: Pointer): Pointer[] {
  const programs: Pointer[] = [];
  for (let program = nextProgram(object, null); program !== null; program = nextProgram(object, program)) {
    programs.push(program);
  }
  return programs;
}
