import { Failure } from '../failure.js';
import { BpfObject, type BpfProgram } from '../native/bpf-object.js';
import { KernelError } from '../native/kernel-error.js';
import { KernelTypes } from '../native/kernel-types.js';
import { takeWarnings } from '../native/libbpf.js';
import { HOOK_USES } from './hook-uses.js';
import { type PinNames, pinNamesOf } from './map-pins.js';
import type { MissingHook } from './missing-hooks.js';
import { isPassing, retryPassing } from './retry-passing.js';
import { VerifierLog } from './verifier-log.js';

/** The section of a program at an LSM hook; `?` means that not every kernel has the hook. */
const LSM_SECTION = /^\??lsm\/(.+)$/u;

export interface Selection {
  readonly object: BpfObject;
  /** The programs to be loaded. */
  readonly programs: readonly BpfProgram[];
  readonly missing: readonly MissingHook[];
  /** How the pins of its maps are called. */
  readonly maps: PinNames;
}

/** Programs that are known not to load, by name. */
export type Refused = ReadonlyMap<string, MissingHook>;

/**
 * Opens an object and selects the programs that this kernel has hooks for. The caller closes the object.
 *
 * @param isLoaded whether a program is known to be in the kernel, whose types need not be searched for its hook then
 * @throws Failure failed-precondition when one of the others is essential
 */
export function openSelected(
  objectPath: string,
  refused: Refused = new Map(),
  isLoaded: (name: string) => boolean = () => false,
): Selection {
  const object = BpfObject.open(objectPath);
  try {
    const programs: BpfProgram[] = [];
    const missing: MissingHook[] = [];
    for (const program of object.programs()) {
      const absence = isLoaded(program.name) ? undefined : KernelTypes.use((types) => absenceOf(program, types));
      const isThere = absence === undefined && !refused.has(program.name);
      program.select(isThere);
      if (isThere) programs.push(program);
      else if (absence === undefined) missing.push(refused.get(program.name)!);
      else if (HOOK_USES[program.name]?.else === undefined)
        missing.push({ program: program.name, hook: program.hook, cause: 'absent', reason: absence });
    }
    for (const each of missing) requireNotEssential(each);
    return { object, programs, missing, maps: pinNamesOf(object) };
  } catch (error) {
    object.close();
    throw error;
  }
}

/**
 * Loads an object without the programs that the kernel refuses. An object that failed cannot be loaded again, so each
 * refusal means loading all programs before it once more; refusals are rare.
 *
 * @param prepare is called with each object that is opened, before it is loaded
 * @param open opens an object without these programs
 * @throws Failure failed-precondition when an essential program is refused; any other reason why the object cannot be
 * loaded
 */
export function loadSelected(
  objectPath: string,
  prepare: (selection: Selection) => void,
  open: (objectPath: string, refused: Refused) => Selection = openSelected,
): Selection {
  const refused = new Map<string, MissingHook>();
  for (;;) {
    const selection = retryPassing(() => loadOnce(open(objectPath, refused), prepare));
    if ('object' in selection) return selection;
    refused.set(selection.program, selection);
  }
}

/** @throws Failure failed-precondition for a program without which nothing can be enforced */
export function requireNotEssential({ program, hook, reason }: MissingHook): void {
  const use = HOOK_USES[program];
  if (use !== undefined && use.essential === undefined) return;
  const why = use?.essential ?? 'the program is not in the table of hooks, so nothing says what works without it';
  throw new Failure(
    'failed-precondition',
    `nothing can be enforced without the program ${program} at hook ${hook} (${why}): ${reason}`,
  );
}

/** @returns the program that was refused, if one was; then the object is closed, as it is if this throws */
function loadOnce(selection: Selection, prepare: (selection: Selection) => void): Selection | MissingHook {
  try {
    prepare(selection);
    const refusal = load(selection);
    if (refusal === undefined) return selection;
    selection.object.close();
    return refusal;
  } catch (error) {
    selection.object.close();
    throw error;
  }
}

/** Why the kernel has no hook for a program; undefined where it has. */
function absenceOf({ hook, section }: BpfProgram, types: KernelTypes): string | undefined {
  if (!LSM_SECTION.test(section)) return undefined;
  if (!types.hasFunction(`bpf_lsm_${hook}`)) return `this kernel has no hook ${hook}`;
  // The hook passes owners as structures by value, which trampolines could not pass on before this member existed.
  if (hook === 'path_chown' && !types.hasMember('btf_func_model', 'arg_flags'))
    return 'BPF programs of this kernel cannot be given structures by value, as this hook does';
  return undefined;
}

/** @returns the program that was refused, if one was. @throws if no program is the cause, or only temporarily */
function load({ object, programs }: Selection): MissingHook | undefined {
  const log = new VerifierLog();
  for (const program of programs) program.keepLog(log.buffer);
  const result = object.load();
  if (result >= 0) return undefined;
  const messages = takeWarnings();
  const blamed = programs.find(({ name }) => messages.some((line) => line.includes(`prog '${name}': failed to`)));
  const error = new KernelError('cannot load the programs', -result, messages);
  if (blamed === undefined || isPassing(error)) throw error;
  const { name, hook } = blamed;
  const reason =
    log.lastLines === ''
      ? `the kernel cannot load the program: ${messages.filter((line) => line.includes(name)).join('; ')}`
      : `the kernel's verifier refuses the program:\n${log.lastLines}`;
  return { program: name, hook, cause: 'not_loaded', reason };
}
