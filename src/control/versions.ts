import { Failure } from '../failure.js';
import type { DesiredState } from './desired-state.js';

/** By policy key: the version it must have, 0 for a policy that must not exist. */
export type ExpectedVersions = ReadonlyMap<string, number>;

/** @throws Failure aborted when a version is not the expected one */
export function checkVersions(current: Pick<DesiredState, 'versions'>, expected: ExpectedVersions): void {
  for (const [key, version] of expected) {
    const actual = current.versions.get(key) ?? 0;
    if (actual === version) continue;
    const is = actual === 0 ? 'does not exist' : `has resource version ${actual}`;
    const must = version === 0 ? 'was expected not to exist' : `was expected to have ${version}`;
    throw new Failure('aborted', `policy ${key} ${is}, it ${must}`);
  }
}
