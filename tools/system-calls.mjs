/** Writes a TypeScript module with the system calls of this machine, read from the kernel's headers, to standard output. */
import { execFileSync } from 'node:child_process';

const machine = process.arch === 'x64' ? 'x86_64' : 'aarch64';

/** Names and numbers as the headers define them, for 64-bit programs or, by a flag, for 32-bit ones. */
function numbersOf(...flags) {
  const output = execFileSync('clang', [...flags, '-E', '-dM', `-I/usr/include/${machine}-linux-gnu`, '-x', 'c', '-'], {
    input: '#include <asm/unistd.h>\n',
    encoding: 'utf8',
  });
  const defined = new Map(
    Array.from(output.matchAll(/^#define (__NR\w+) (\w+)$/gmu), ([, name, value]) => [name, value]),
  );
  const resolve = (value) => (defined.has(value) ? resolve(defined.get(value)) : value);
  const numbers = Array.from(defined, ([name, value]) => [name.replace(/^__NR_/u, ''), Number(resolve(value))]);
  // These are not system calls, but only used within the headers.
  return numbers
    .filter(([name]) => !/^(?:__NR.*|syscalls|arch_specific_syscall)$/u.test(name))
    .sort(([, a], [, b]) => a - b);
}

const native = numbersOf();
const names = new Set(native.map(([name]) => name));
/** Calls of 32-bit programs whose 64-bit names differ by more than a suffix for the width of arguments. */
const RENAMED = { fstatat64: 'newfstatat', _llseek: 'lseek', mmap2: 'mmap', umount: 'umount2' };

/** The 64-bit name of a call of 32-bit programs; undefined where there is none. */
function nativeName(name) {
  return [name, RENAMED[name], name.replace(/(?:_time64|64|32)$/u, '')].find((each) => names.has(each));
}

const narrow = {};
for (const [name, number] of machine === 'x86_64' ? numbersOf('-m32') : []) {
  const known = nativeName(name);
  if (known !== undefined) narrow[known] = [...(narrow[known] ?? []), number];
}

process.stdout.write(`/** Made by tools/system-calls.mjs from the kernel's headers of this machine, ${machine}. */

export const NUMBERS: Readonly<Record<string, number>> = ${JSON.stringify(Object.fromEntries(native), null, 2)};

/** Numbers of 32-bit programs: one name may stand for several calls that differ in the width of arguments. */
export const NUMBERS_32_BIT: Readonly<Record<string, readonly number[]>> = ${JSON.stringify(narrow)};
`);
