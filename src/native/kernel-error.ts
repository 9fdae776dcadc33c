import koffi from 'koffi';

/** A call into the kernel or libbpf that failed, with its errno by name, and what else was said about it, in lines. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  constructor(
    what: string,
    readonly errno: number,
    details: readonly string[] = [],
  ) {
    super([`${what}: ${errnoName(errno)}`, ...details].join('\n'));
  }
}

function errnoName(errno: number): string {
  const name = Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0];
  return name ?? `errno ${errno}`;
}

/** Returns a non-negative result; what fails returns -errno. */
export function checked(what: string, result: number): number {
  if (result < 0) throw new KernelError(what, -result);
  return result;
}
