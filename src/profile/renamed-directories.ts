import { FILE_OPERATIONS } from '../policy/model.js';
import type { Draft } from './draft.js';
import { evidenceOf, joined } from './evidence.js';
import { patternsOf } from './names.js';
import type { ObservedAccess } from './observed-access.js';

/** The rules for accesses that renames of directories concern, and the other accesses. */
export interface RenamedDirectories {
  readonly drafts: readonly Draft[];
  readonly others: readonly ObservedAccess[];
}

/**
 * A directory may be renamed only if that changes no decision, so where one was renamed everything must be allowed to
 * all programs: the rule is for the directory that contains it, before as well as after.
 */
export function renamedDirectories(accesses: readonly ObservedAccess[]): RenamedDirectories {
  const renamed = accesses.filter(
    ({ operations, object }) => operations.includes('rename') && isDirectory(object, accesses),
  );
  const places = outermost(new Set(renamed.flatMap(({ object }) => placeOf(object) ?? [])));
  const isBelow = ({ object }: ObservedAccess) => places.find((place) => object.startsWith(place));
  const drafts = places.map((dir): Draft => {
    const below = accesses.filter((access) => isBelow(access) === dir);
    const operations = FILE_OPERATIONS.filter(
      (each) => each !== 'map' || below.some((access) => access.operations.includes(each)),
    );
    return {
      section: 'file',
      list: 'matchDirectories',
      entry: { dir, recursive: true, operations },
      action: 'Allow',
      evidence: below.map(evidenceOf).reduce(joined),
    };
  });
  return { drafts, others: accesses.filter((access) => isBelow(access) === undefined) };
}

/** The new name of a directory does not end in a slash; what was done below it tells. */
function isDirectory(object: string, accesses: readonly ObservedAccess[]): boolean {
  return object.endsWith('/') || accesses.some((access) => access.object.startsWith(`${object}/`));
}

/**
 * Where a directory lies, as far as the names above it stay from run to run; at the root only it itself. Undefined where
 * no rule for a directory can name it.
 */
function placeOf(object: string): string | undefined {
  const names = object.split('/').filter((name) => name !== '');
  const firstPattern = patternsOf(`/${names.join('/')}`).findIndex(({ isPattern }) => isPattern);
  if (names.length === 0 || firstPattern === 0) return undefined;
  const depth = Math.min(names.length - 1, firstPattern < 0 ? names.length : firstPattern);
  return `/${names.slice(0, Math.max(depth, 1)).join('/')}/`;
}

function outermost(places: ReadonlySet<string>): string[] {
  return [...places].filter((place) => ![...places].some((other) => other !== place && place.startsWith(other))).sort();
}
