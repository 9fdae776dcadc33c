import { Failure, type Problem } from '../failure.js';
import { readManifest } from '../policy/manifest.js';

/** Everything that is wrong with a manifest, as this command sees it. */
export function problemsOf(text: string, ignoreForeign: boolean): readonly Problem[] {
  try {
    readManifest(text, { now: Date.now(), ignoreForeign, problemsMax: Number.POSITIVE_INFINITY });
    return [];
  } catch (error) {
    if (error instanceof Failure) return error.problems;
    throw error;
  }
}
