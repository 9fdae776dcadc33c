import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const OBJECT = 'build/bpf/hauberk.bpf.o';
/** `r0 = 0` and `r0 = *(u64 *)(r0 + 0)`: kernels have refused programs for such reads through a scalar. */
const READ_THROUGH_A_SCALAR = Buffer.from('b700000000000000' + '7900000000000000', 'hex');

/** Read before tests mount other objects over it. */
const REAL = readFileSync(OBJECT);

/** A copy of the real object with programs that a kernel refuses. */
export class BrokenObject {
  readonly #bytes = Buffer.from(REAL);

  /** Makes a program begin with a read that the verifier refuses. */
  refuse(program: string): this {
    READ_THROUGH_A_SCALAR.copy(this.#bytes, this.#offsetOf(program));
    return this;
  }

  /** Makes programs of a hook name one that no kernel has; both names have the same length. */
  rename(hook: string, absent: string): this {
    const [from, to] = [hook, absent].map((name) => Buffer.from(`lsm/${name}\0`));
    for (let at = this.#bytes.indexOf(from!); at >= 0; at = this.#bytes.indexOf(from!, at + 1))
      to!.copy(this.#bytes, at);
    return this;
  }

  /** Keeps only these hooks and the essential ones; no kernel has the others. Fewer programs are also verified sooner. */
  only(...hooks: string[]): this {
    const kept = [...hooks, 'bprm_check_security', 'bprm_committed_creds', 'task_alloc'];
    for (const [, hook] of readelf('-SW').matchAll(/\s\??lsm\/(\w+)\s/gu))
      if (!kept.includes(hook!)) this.rename(hook!, `${hook!.slice(0, -1)}0`);
    return this;
  }

  write(path: string): string {
    writeFileSync(path, this.#bytes);
    return path;
  }

  /** Offset of a program's instructions in the file. */
  #offsetOf(program: string): number {
    const sections = new Map<string, number>();
    for (const [, number, offset] of readelf('-SW').matchAll(/^\s*\[\s*(\d+)\] \S+\s+PROGBITS\s+\w+ (\w+)/gmu))
      sections.set(number!, Number.parseInt(offset!, 16));
    const symbol = new RegExp(`^\\s*\\d+: (\\w+)\\s+\\d+ FUNC\\s+\\w+\\s+\\w+\\s+(\\d+) ${program}$`, 'mu').exec(
      readelf('-sW'),
    );
    if (symbol === null) throw new Error(`no program ${program} in ${OBJECT}`);
    return sections.get(symbol[2]!)! + Number.parseInt(symbol[1]!, 16);
  }
}

function readelf(what: string): string {
  return execFileSync('readelf', [what, OBJECT], { encoding: 'utf8' });
}
