import type { FigureName, Group } from '../figures.js';
import { BenchObject } from '../support/bench-object.js';
import { type OpenFile, OpenFiles, PathTimer } from '../support/path-timing.js';
import { progress } from '../support/progress.js';
import { median } from '../support/statistics.js';

const COMPONENTS = [6, 13, 43] as const;
const ROUNDS = 10_000;

/** The path lookup, which is the first step of a decision about a file and takes most of its time. */
export const pathGroup: Group = {
  figures: [...COMPONENTS.map((components): FigureName => `path_ns_${components}`), 'path_ns_6_cached'],
  async measure({ quick }, record) {
    const object = new BenchObject();
    const timer = new PathTimer(object);
    const files = new OpenFiles();
    const cases = COMPONENTS.map((components): { name: FigureName; files: [OpenFile, OpenFile] } => {
      const file = files.open('file.conf', components);
      return { name: `path_ns_${components}`, files: [file, file] };
    });
    cases.push({ name: 'path_ns_6_cached', files: [files.open('first.conf', 6), files.open('second.conf', 6)] });
    const samples = new Map<FigureName, number[]>(cases.map(({ name }) => [name, []]));
    const passes = quick ? 11 : 201;
    progress(`path: ${passes} interleaved runs of ${ROUNDS} paths each`);
    // Interleaved, so that other load on the machine affects all of them.
    for (let pass = 0; pass < passes; pass++) {
      for (const { name, files } of cases) samples.get(name)!.push(timer.run(files, ROUNDS));
    }
    for (const [name, values] of samples) record(name, median(values));
    files.remove();
    object.close();
  },
};
