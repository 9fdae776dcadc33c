import { existsSync } from 'node:fs';
import koffi from 'koffi';
import { builtFile } from '../built-files.js';

/** What libbpf needs beside the C library, each before what needs it. */
const NEEDED = ['libz.so.1', 'libelf.so.1'];

/** The one from Hauberk's package, or else the system's. */
export const libbpf = loadLibbpf();

function loadLibbpf(): ReturnType<typeof koffi.load> {
  const shipped = (name: string) => builtFile(`../lib/${name}`);
  if (!existsSync(shipped('libbpf.so.1'))) return koffi.load('libbpf.so.1');
  // The loader uses an already loaded library of that name before it looks in the system's directories.
  for (const name of NEEDED) koffi.load(shipped(name));
  return koffi.load(shipped('libbpf.so.1'));
}

const LIBBPF_WARN = 0;
const LOG_LINE_BYTES = 1024;
const formatText = koffi
  .load('libc.so.6')
  .func('int vsnprintf(_Out_ char *text, size_t size, const char *format, void *values)');
let logLines: string[] = [];
// libbpf would print its warnings otherwise: whoever loads it sets this first.
const printer = koffi.register(
  (level: number, format: string, values: unknown) => {
    if (level > LIBBPF_WARN) return 0;
    const line = Buffer.alloc(LOG_LINE_BYTES);
    const length = formatText(line, LOG_LINE_BYTES, format, values);
    logLines.push(line.toString('utf8', 0, Math.min(length, LOG_LINE_BYTES - 1)).trimEnd());
    return 0;
  },
  koffi.pointer(koffi.proto('int libbpf_printer(int level, const char *format, void *values)')),
);
libbpf.func('void *libbpf_set_print(libbpf_printer *printer)')(printer);

/** The warnings of libbpf since the last call. */
export function takeWarnings(): string[] {
  const taken = logLines;
  logLines = [];
  return taken;
}
