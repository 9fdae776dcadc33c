import { alternativesIn } from '../braces.js';
import type { LinkedDirectories } from '../links.js';
import type { CallTarget, PathMatch } from '../model.js';
import type { Optional, PlaceItem } from '../policy-document.js';
import type { MatchPart } from './parts.js';
import { throughLink } from './through-link.js';

/** Paths, which rules about processes and files name, and others as the place that they are about. */

type Of<Kind extends PathMatch['kind']> = Extract<PathMatch, { kind: Kind }>;

export const exact: MatchPart<Of<'exact'>> = {
  write: ({ path }) => ({ list: 'matchPaths', entry: { path } }),
  followLinks(match, links) {
    const path = throughLink(match.path, links);
    return path === undefined ? undefined : { ...match, path };
  },
  paths: ({ path }) => (path === '/' ? [] : [path]),
  rank: () => 0,
  specificity: ({ path }) => Buffer.byteLength(path),
};

export const directory: MatchPart<Of<'directory'>> = {
  write: ({ directory: dir, recursive }) => ({
    list: 'matchDirectories',
    entry: { dir, ...(recursive && { recursive: true }) },
  }),
  followLinks(match, links) {
    const linked = throughLink(match.directory, links);
    return linked === undefined ? undefined : { ...match, directory: linked };
  },
  paths: (match) => (match.directory === '/' ? [] : [match.directory.slice(0, -1)]),
  rank: () => 2,
  specificity: (match) => Buffer.byteLength(match.directory),
};

export const pattern: MatchPart<Of<'pattern'>> = {
  write: (match) => ({ list: 'matchPatterns', entry: { pattern: match.pattern } }),
  followLinks(match, links) {
    const linked = throughLink(match.pattern, links);
    return linked === undefined ? undefined : { ...match, pattern: linked };
  },
  /** The directories before its first wildcard. */
  paths: (match) =>
    alternativesIn(match.pattern).flatMap((alternative) => {
      const literal = /^[^\\*?[{]*/u.exec(alternative)![0];
      const path = literal.length === alternative.length ? literal : literal.slice(0, literal.lastIndexOf('/'));
      return path === '' ? [] : [path];
    }),
  rank: () => 1,
  /** The bytes before its first wildcard. */
  specificity(match) {
    const literal = /^(?:\\.|[^\\*?[{])*/su.exec(match.pattern)![0];
    return Buffer.byteLength(literal.replace(/\\(.)/gsu, '$1'));
  },
};

const PLACES = { exact, directory, pattern };

const partOf = ({ kind }: PathMatch): MatchPart<PathMatch> => PLACES[kind];

export function readDirectory({ dir, recursive }: { dir: string; recursive?: Optional<boolean> }): CallTarget {
  return { kind: 'directory', directory: dir, recursive: recursive ?? false };
}

export function readPlace({ path, dir, recursive, pattern: glob }: PlaceItem): { target?: PathMatch } {
  if (path != null) return { target: { kind: 'exact', path } };
  if (dir != null) return { target: readDirectory({ dir, recursive }) };
  return glob == null ? {} : { target: { kind: 'pattern', pattern: glob } };
}

export function writePlace(target: PathMatch | undefined): Readonly<Record<string, unknown>> {
  return target === undefined ? {} : partOf(target).write(target).entry;
}

/** The match with its place by the name that a linked directory leads to. */
export function followPlace<Placed extends { readonly target?: PathMatch }>(
  match: Placed,
  links: LinkedDirectories,
): Placed | undefined {
  const target = match.target && partOf(match.target).followLinks(match.target, links);
  return target === undefined ? undefined : { ...match, target };
}

/** Those of the places that a linked directory leads to, by the name it leads to. */
export function linkedPlaces(places: readonly PathMatch[], links: LinkedDirectories): PathMatch[] {
  return places.flatMap((target) => followPlace({ target }, links)?.target ?? []);
}

export function pathsOfPlace(target: PathMatch | undefined): readonly string[] {
  return target === undefined ? [] : partOf(target).paths(target);
}

/** Any place comes after every kind of place. */
export function rankOfPlace(target: PathMatch | undefined): number {
  return target === undefined ? 3 : partOf(target).rank(target);
}

export function specificityOfPlace(target: PathMatch | undefined): number {
  return target === undefined ? 0 : partOf(target).specificity(target);
}

/** To say one thing more, and first the first, is to be more specific. */
export function named(first: unknown, second: unknown): number {
  return Number(first !== undefined) * 2 + Number(second !== undefined);
}
