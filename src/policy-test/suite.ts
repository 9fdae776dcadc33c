import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Failure, type Problem } from '../failure.js';
import { readManifest } from '../policy/manifest.js';
import { type Policy, policyKey } from '../policy/model.js';
import { readCases } from './case-file.js';
import type { Suite } from './junit.js';
import { runCases } from './run.js';

/** Finds the files of manifests at a place: a file, or a directory with all below it but files of cases. */
export type ManifestsAt = (place: string) => readonly string[];

export interface RunSuite extends Suite {
  readonly policies: readonly Policy[];
}

/**
 * Runs the cases of a file against the policies that it names.
 *
 * @throws Failure invalid-argument when the file, or a manifest, cannot be read; its message names file, line and column
 */
export async function runSuite(file: string, manifestsAt: ManifestsAt): Promise<RunSuite> {
  const cases = located(file, () => readCases(readFileSync(file, 'utf8')));
  const directory = dirname(file);
  const places = (cases.policies ?? ['.']).map((place) => resolve(directory, place));
  const policies = readPolicies([...new Set(places.flatMap((place) => manifestsAt(place)))]);
  return { file, policies, results: await runCases(cases, policies) };
}

function readPolicies(files: readonly string[]): Policy[] {
  const read = new Map<string, string>();
  return files.flatMap((file) =>
    located(file, () =>
      readManifest(readFileSync(file, 'utf8')).map(({ policy }) => {
        const key = policyKey(policy);
        const first = read.get(key);
        if (first !== undefined) throw new Failure('invalid-argument', `policy ${key} is in ${first}, too`);
        read.set(key, file);
        return policy;
      }),
    ),
  );
}

/** Runs a task whose Failures are about a file, and has them say so. */
function located<Result>(file: string, task: () => Result): Result {
  try {
    return task();
  } catch (error) {
    if (!(error instanceof Failure)) throw new Failure('invalid-argument', (error as Error).message);
    if (error.problems.length === 0) throw new Failure(error.code, `${file}: ${error.message}`);
    throw new Failure(error.code, error.problems.map((problem) => textOf(file, problem)).join('\n'), error.problems);
  }
}

function textOf(file: string, { field, description, line, column }: Problem): string {
  return `${file}${line === undefined ? '' : `:${line}:${column}`}: ${field}: ${description}`;
}
