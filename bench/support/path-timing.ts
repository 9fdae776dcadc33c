import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PATH_BUFFER_BYTES, PATH_BYTES_MAX } from '../../test/support/path-buffer.js';
import { type BenchObject, readOnlyValue, runOnce, setOnlyValue } from './bench-object.js';

/** struct path_run of bpf/bench.bpf.c. */
const PATH_RUN = { elapsed: 0, rounds: 8, descriptors: 12, offset: 20, result: 24, path: 32 };
const PATH_RUN_BYTES = PATH_RUN.path + PATH_BUFFER_BYTES;

/** Open files whose paths have a given number of components. */
export class OpenFiles {
  readonly #top = mkdtempSync(join(tmpdir(), 'hauberk-paths-'));
  readonly #descriptors: number[] = [];

  /** @returns path and descriptor of a new file, in one directory with others of as many components */
  open(name: string, components: number) {
    const above = this.#top.split('/').length - 1;
    const directories = Array.from({ length: components - above - 1 }, (_, index) => `directory${index}`);
    const path = join(this.#top, ...directories, name);
    mkdirSync(dirname(path), { recursive: true });
    const descriptor = openSync(path, 'w');
    this.#descriptors.push(descriptor);
    return { path, descriptor };
  }

  remove(): void {
    this.#descriptors.forEach(closeSync);
    rmSync(this.#top, { recursive: true });
  }
}

export type OpenFile = ReturnType<OpenFiles['open']>;

/** The path lookup of the enforcement, timed alone in the kernel. */
export class PathTimer {
  readonly #runs: number;
  readonly #program: number;

  constructor(object: BenchObject) {
    this.#runs = object.map('path_runs', PATH_RUN_BYTES);
    this.#program = object.program('bench_path');
  }

  /**
   * Finds the paths of two files of one mount alternately, `rounds` times in all.
   *
   * @returns nanoseconds for each lookup
   * @throws Error when the result is not the path of the second file
   */
  run(files: readonly [OpenFile, OpenFile], rounds: number): number {
    const run = Buffer.alloc(PATH_RUN_BYTES);
    run.writeUInt32LE(rounds, PATH_RUN.rounds);
    for (const [index, { descriptor }] of files.entries())
      run.writeUInt32LE(descriptor, PATH_RUN.descriptors + 4 * index);
    setOnlyValue(this.#runs, run);
    runOnce(this.#program);
    const answer = readOnlyValue(this.#runs, PATH_RUN_BYTES);
    const [result, offset] = [PATH_RUN.result, PATH_RUN.offset].map((field) => answer.readUInt32LE(field));
    const found = answer.subarray(PATH_RUN.path + offset!, PATH_RUN.path + PATH_BYTES_MAX).toString();
    if (result !== 0 || !found.endsWith(files[1].path)) {
      throw new Error(`the path of ${files[1].path} was found to be ${found}, result ${result}`);
    }
    return Number(answer.readBigUInt64LE(PATH_RUN.elapsed)) / rounds;
  }
}
