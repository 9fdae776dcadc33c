import type { KernelTypes } from './kernel-types.js';

interface OptionalHook {
  isThere(types: KernelTypes): boolean;
  /** What is not enforced without it; left out where another hook of such kernels is asked instead. */
  readonly withoutIt?: string;
}

/** Programs that not every supported kernel can load, by name. */
export const OPTIONAL_HOOKS: Readonly<Record<string, OptionalHook>> = {
  // Before it, ftruncate(2) asks at path_truncate.
  hauberk_file_truncate: { isThere: (types) => types.hasFunction('bpf_lsm_file_truncate') },
  hauberk_userns_create: {
    isThere: (types) => types.hasFunction('bpf_lsm_userns_create'),
    withoutIt: 'rules on user namespaces decide nothing: this kernel has no hook userns_create (Linux 6.1 has it)',
  },
  // Its owners come as structures by value, which trampolines could not hand on before this member was there.
  hauberk_path_chown: {
    isThere: (types) => types.hasMember('btf_func_model', 'arg_flags'),
    withoutIt:
      'file rules do not decide about changes of owner: BPF programs of this kernel cannot be given structures by value, as hook path_chown does (Linux 6.1 can)',
  },
};

/** What this kernel cannot enforce, each in a sentence. */
export function missingHooks(types: KernelTypes): string[] {
  return Object.values(OPTIONAL_HOOKS).flatMap(({ isThere, withoutIt }) =>
    withoutIt === undefined || isThere(types) ? [] : [withoutIt],
  );
}
