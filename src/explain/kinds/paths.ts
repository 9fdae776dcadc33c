import type { PathMatch } from '../../policy/model.js';
import { Glob, literalStartOf } from '../glob.js';
import { type KindOfMatch, latin1, NO_PATH, type OfKind, type ReadingPart } from './part.js';

/** Fillings for a wildcard. Several are tried, since a set of characters may exclude any of them. */
const FILLINGS = ['x', 'a', '0', 'A', '_', 'é'];

export const exact: ReadingPart<OfKind<'exact'>> = {
  covers: (match, object) => object.kind === 'path' && isAt(match, object.path),
  examples: (match) => examplesOf(match),
  kind: () => 'one thing',
  detail: ({ path }) => [Buffer.byteLength(path)],
  start: ({ path }) => latin1(path),
};

export const directory: ReadingPart<OfKind<'directory'>> = {
  covers: (match, object) => object.kind === 'path' && isAt(match, object.path),
  examples: (match) => examplesOf(match),
  kind: () => 'directory',
  detail: (match) => [Buffer.byteLength(match.directory)],
  start: (match) => latin1(match.directory),
};

export const pattern: ReadingPart<OfKind<'pattern'>> = {
  covers: (match, object) => object.kind === 'path' && isAt(match, object.path),
  examples: (match) => examplesOf(match),
  kind: () => 'pattern',
  detail: (match) => [Buffer.byteLength(literalStartOf(match.pattern))],
  start: (match) => latin1(literalStartOf(match.pattern)),
};

/** Of a program, wherever it lies. */
export const name: ReadingPart<OfKind<'name'>> = {
  ...NO_PATH,
  // The name by which a program is called is not part of an access.
  covers: (match, object) =>
    match.of === undefined && object.kind === 'path' && latin1(object.path).split('/').at(-1) === latin1(match.name),
  examples: (match) => [{ kind: 'path', path: Buffer.from(`/${match.name}`) }],
  kind: () => 'pattern',
  detail: () => [],
};

/** For matches of other classes about a place. */
const PLACES = { exact, directory, pattern };

const partOf = ({ kind }: PathMatch): ReadingPart<PathMatch> => PLACES[kind];

interface Placed {
  readonly target?: PathMatch;
}

export function kindOfPlace({ target }: Placed): KindOfMatch {
  return target === undefined ? 'any place' : partOf(target).kind(target);
}

/** @param anywhere the detail if no place is named */
export function detailOfPlace({ target }: Placed, anywhere: readonly number[]): readonly number[] {
  return target === undefined ? anywhere : partOf(target).detail(target);
}

export function pathsAtPlace({ target }: Placed): Uint8Array[] {
  return (target === undefined ? ['/x'] : pathsOf(target)).map((path) => Buffer.from(path));
}

export function isAtPlace({ target }: Placed, path: Uint8Array): boolean {
  return target === undefined || isAt(target, path);
}

/** Whether a path is at, or below, the place that a match names; a directory's path may end in a slash. */
export function isAt(match: PathMatch, path: Uint8Array): boolean {
  const text = latin1(path);
  switch (match.kind) {
    case 'exact':
      return text === latin1(match.path) || text === `${latin1(match.path)}/`;
    case 'directory': {
      const start = latin1(match.directory);
      if (!text.startsWith(start)) return false;
      const below = text.slice(start.length);
      return match.recursive || below === '' || /^[^/]+\/?$/su.test(below);
    }
    case 'pattern': {
      const glob = globOf(match);
      return glob.matches(path) || (text.endsWith('/') && glob.matches(path.subarray(0, -1)));
    }
  }
}

const globs = new WeakMap<PathMatch, Glob>();

function globOf(match: OfKind<'pattern'>): Glob {
  const glob = globs.get(match) ?? new Glob(match.pattern);
  globs.set(match, glob);
  return glob;
}

function examplesOf(match: PathMatch) {
  return pathsOf(match).map((path) => ({ kind: 'path' as const, path: Buffer.from(path) }));
}

function pathsOf(match: PathMatch): string[] {
  if (match.kind === 'exact') return [match.path];
  if (match.kind === 'directory') return [`${match.directory}x`];
  return FILLINGS.map((filling) =>
    match.pattern
      .replace(/\\(.)|\[[^\]]*\]|\*+|\?|\{([^{},]*)[^{}]*\}/gsu, (_, escaped?: string, branch?: string) => {
        return escaped ?? branch ?? filling;
      })
      .replace(/[{}]/gu, ''),
  );
}
