import { existsSync } from 'node:fs';
import koffi from 'koffi';
import { builtFile } from '../built-files.js';

/** What libbpf needs beside the C library, each before what needs it. */
const NEEDED = ['libz.so.1', 'libelf.so.1'];

/** Loads libbpf: the one from Hauberk's package, or else the system's. */
export function loadLibbpf(): ReturnType<typeof koffi.load> {
  const shipped = (name: string) => builtFile(`../lib/${name}`);
  if (!existsSync(shipped('libbpf.so.1'))) return koffi.load('libbpf.so.1');
  // The loader uses an already loaded library of that name before it looks in the system's directories.
  for (const name of NEEDED) koffi.load(shipped(name));
  return koffi.load(shipped('libbpf.so.1'));
}
