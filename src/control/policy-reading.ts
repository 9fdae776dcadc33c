import { placed, readPlacedManifest } from '../policy/manifest.js';
import type { HookCoverage } from './hook-coverage.js';
import type { PolicyInput } from './policy-plan.js';

/** The policies of a manifest, and what was skipped: API version and kind of each. */
export interface ReadManifest {
  readonly inputs: readonly PolicyInput[];
  readonly foreign: readonly string[];
}

/**
 * @param ignoreForeign whether other kinds of Kubernetes objects are skipped
 * @param now policies that ended before are refused; milliseconds since the Unix epoch
 * @throws Failure with every problem of every document
 */
export function readObjects(
  text: string,
  { ignoreForeign, now }: { readonly ignoreForeign: boolean; readonly now: number },
  coverage: Pick<HookCoverage, 'warningsFor'>,
): ReadManifest {
  const { documents, foreign } = readPlacedManifest(text, { now, ignoreForeign });
  const inputs = documents.map(({ policy, warnings, positionOf }) => ({
    policy,
    warnings: [...warnings, ...coverage.warningsFor(policy)],
    placeOf: (ruleId: string) => placed(positionOf(pathOfRule(ruleId)), ''),
  }));
  return { inputs, foreign };
}

/** Where a rule stands in its document, by its id: `file.matchPaths[0]`. */
function pathOfRule(id: string): (string | number)[] {
  const steps = Array.from(id.matchAll(/[^.[\]]+/gu), ([step]) => (/^\d+$/u.test(step) ? Number(step) : step));
  return ['spec', ...steps];
}
