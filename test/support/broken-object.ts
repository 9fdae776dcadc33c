import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const OBJECT = 'build/bpf/hauberk.bpf.o';
/** `r0 = 0` and `r0 = *(u64 *)(r0 + 0)`: to read by what is no pointer is what kernels have refused programs of ours for. */
const READ_BY_A_NUMBER = Buffer.from('b700000000000000' + '7900000000000000', 'hex');

/** As it was when the tests began: they put others in its place. */
const REAL = readFileSync(OBJECT);

/** A copy of the real object with programs that a kernel does not take. */
export class BrokenObject {
  readonly #bytes = Buffer.from(REAL);

  /** Lets a program begin with a read that the verifier refuses. */
  refuse(program: string): this {
    READ_BY_A_NUMBER.copy(this.#bytes, this.#placeOf(program));
    return this;
  }

  /** Lets a program ask for a hook that no kernel has; the name is as long as that of the real one. */
  rename(hook: string, absent: string): this {
    const [from, to] = [hook, absent].map((name) => Buffer.from(`lsm/${name}\0`));
    for (let at = this.#bytes.indexOf(from!); at >= 0; at = this.#bytes.indexOf(from!, at + 1))
      to!.copy(this.#bytes, at);
    return this;
  }

  /** Lets no kernel have the hooks of any program but these and the essential ones, which the verifier then goes through sooner. */
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

  /** Where the instructions of a program begin in the file. */
  #placeOf(program: string): number {
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
