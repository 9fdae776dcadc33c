import * as disk from '../../disk-schema.js';
import { alternativesIn } from '../braces.js';
import type { LinkedDirectories } from '../links.js';
import type { CallTarget, PathMatch } from '../model.js';
import type { Optional, PlaceItem } from '../policy-document.js';
import { type MatchPart, NO_ALTERNATIVES } from './parts.js';
import { throughLink } from './through-link.js';

/** Paths, which rules about processes and files name, and others as the place that they are about. */

type Of<Kind extends PathMatch['kind']> = Extract<PathMatch, { kind: Kind }>;

export const exact: MatchPart<Of<'exact'>> = {
  onDisk: disk.ofKind('exact', { path: disk.text }),
  write: ({ path }) => ({ list: 'matchPaths', entry: { path } }),
  places: (match) => [match],
  ...NO_ALTERNATIVES,
  followLinks(match, links) {
    const path = throughLink(match.path, links);
    return path === undefined ? undefined : { ...match, path };
  },
  rank: () => 0,
  specificity: ({ path }) => Buffer.byteLength(path),
};

export const directory: MatchPart<Of<'directory'>> = {
  onDisk: disk.ofKind('directory', { directory: disk.text, recursive: disk.flag }),
  write: ({ directory: dir, recursive }) => ({
    list: 'matchDirectories',
    entry: { dir, ...(recursive && { recursive: true }) },
  }),
  places: (match) => [match],
  ...NO_ALTERNATIVES,
  followLinks(match, links) {
    const linked = throughLink(match.directory, links);
    return linked === undefined ? undefined : { ...match, directory: linked };
  },
  rank: () => 2,
  specificity: (match) => Buffer.byteLength(match.directory),
};

export const pattern: MatchPart<Of<'pattern'>> = {
  onDisk: disk.ofKind('pattern', { pattern: disk.text }),
  write: (match) => ({ list: 'matchPatterns', entry: { pattern: match.pattern } }),
  places: (match) => [match],
  alternatives: (match) => alternativesIn(match.pattern).map((each) => ({ ...match, pattern: each })),
  followLinks(match, links) {
    const linked = throughLink(match.pattern, links);
    return linked === undefined ? undefined : { ...match, pattern: linked };
  },
  rank: () => 1,
  /** The bytes before its first wildcard. */
  specificity(match) {
    const literal = /^(?:\\.|[^\\*?[{])*/su.exec(match.pattern)![0];
    return Buffer.byteLength(literal.replace(/\\(.)/gsu, '$1'));
  },
};

const PLACES = { exact, directory, pattern };

/** A place as it is stored. */
export const placeOnDisk = disk.choice(Object.values(PLACES).map(({ onDisk }) => onDisk));

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

/** For matches about one place, or about all places if they name none. */
function placeOf({ target }: { readonly target?: PathMatch }): PathMatch[] {
  return target === undefined ? [] : [target];
}

/** A match for each of the directories that the pattern of its place names. */
function alternativesOfPlace<Placed extends { readonly target?: PathMatch }>(match: Placed): readonly Placed[] {
  const { target } = match;
  return target === undefined
    ? [match]
    : partOf(target)
        .alternatives(target)
        .map((each) => ({ ...match, target: each }));
}

/** The match with its place by the name that a linked directory leads to. */
function followPlace<Placed extends { readonly target?: PathMatch }>(
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

/** Any place comes after every kind of place. */
function rankOfPlace({ target }: { readonly target?: PathMatch }): number {
  return target === undefined ? 3 : partOf(target).rank(target);
}

/** What all matches about a place have in common. */
export const OF_PLACE = {
  places: placeOf,
  alternatives: alternativesOfPlace,
  followLinks: followPlace,
  rank: rankOfPlace,
} as const;

export function specificityOfPlace(target: PathMatch | undefined): number {
  return target === undefined ? 0 : partOf(target).specificity(target);
}

/** Naming one thing more is more specific; earlier things weigh more. */
export function named(first: unknown, second: unknown): number {
  return Number(first !== undefined) * 2 + Number(second !== undefined);
}
