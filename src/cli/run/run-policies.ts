import { Failure } from '../../failure.js';
import { readManifest } from '../../policy/manifest.js';
import { toManifest } from '../../policy/manifest-text.js';
import type { Policy } from '../../policy/model.js';
import { CommandFailure } from '../exit-status.js';
import { ManifestFiles } from '../manifest-files.js';
import { RUN_LABEL } from './run-label.js';
import { NOT_RUN } from './sandbox.js';

export interface RunPolicies {
  readonly names: readonly string[];
  readonly manifest: string;
}

/**
 * The policies of files for one run: renamed, and changed to select only that run.
 *
 * @param places files, directories or `-`
 * @throws CommandFailure naming file, line and column of all that is wrong
 */
export function policiesFor(id: string, namespace: string, places: readonly string[]): RunPolicies {
  const files = new ManifestFiles(places);
  const policies = read(files).map(({ matchExpressions: _, ...policy }) => {
    if (policy.scope !== undefined && policy.scope !== 'namespace')
      throw new CommandFailure(
        NOT_RUN,
        `${policy.name} is a policy for the ${policy.scope}: one for a run is a KubeArmorPolicy`,
      );
    return { ...policy, namespace, name: `${policy.name}-${id}`, matchLabels: { [RUN_LABEL]: id } };
  });
  return { names: policies.map(({ name }) => name), manifest: policies.map(toManifest).join('---\n') };
}

function read(files: ManifestFiles): Policy[] {
  try {
    return readManifest(files.text, { now: Date.now() }).map(({ policy }) => policy);
  } catch (error) {
    if (error instanceof Failure && error.problems.length > 0)
      throw new CommandFailure(NOT_RUN, error.problems.map((problem) => files.place(problem)).join('\n'));
    throw error;
  }
}
