import { FILE_OPERATIONS } from '../policy/model.js';
import type { Draft } from './draft.js';
import { evidenceOf, joined } from './evidence.js';
import { patternsOf } from './names.js';
import type { PathAccess } from './observed-access.js';

/** The rules for accesses that renames of directories concern, and the other accesses. */
export interface RenamedDirectories {
  readonly drafts: readonly Draft[];
  readonly others: readonly PathAccess[];
}

/**
 * A directory may be renamed only if that changes no decision, so where one was renamed everything must be allowed to
 * all programs: the rule is for the directory that contains it, before as well as after.
 */
export function renamedDirectories(accesses: readonly PathAccess[]): RenamedDirectories {
  const renamed = accesses.filter(
    ({ operations, object }) => operations.includes('rename') && isDirectory(object.path, accesses),
  );
  const places = outermost(new Set(renamed.flatMap(({ object }) => placeOf(object.path) ?? [])));
  const isBelow = ({ object }: PathAccess) => places.find((place) => object.path.startsWith(place));
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
function isDirectory(path: string, accesses: readonly PathAccess[]): boolean {
  return path.endsWith('/') || accesses.some(({ object }) => object.path.startsWith(`${path}/`));
}

/**
 * Where a directory lies, as far as the names above it stay from run to run; at the root only it itself. Undefined where
 * no rule for a directory can name it.
 */
function placeOf(path: string): string | undefined {
  const names = path.split('/').filter((name) => name !== '');
  const firstPattern = patternsOf(`/${names.join('/')}`).findIndex(({ isPattern }) => isPattern);
  if (names.length === 0 || firstPattern === 0) return undefined;
  const depth = Math.min(names.length - 1, firstPattern < 0 ? names.length : firstPattern);
  return `/${names.slice(0, Math.max(depth, 1)).join('/')}/`;
}

function outermost(places: ReadonlySet<string>): string[] {
  return [...places].filter((place) => ![...places].some((other) => other !== place && place.startsWith(other))).sort();
}
