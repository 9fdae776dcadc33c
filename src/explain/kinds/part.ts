import type { Action, Match } from '../../policy/model.js';
import type { AccessObject } from '../access.js';

/** From the most specific. Kinds that never meet may stand anywhere. */
export const KIND_ORDER = [
  'one thing',
  'pattern',
  'transport protocol',
  'directory',
  'socket type',
  'any place',
  'family',
  'all protocols',
  'sockets that no rule names',
] as const;
export type KindOfMatch = (typeof KIND_ORDER)[number];

export type OfKind<Kind extends Match['kind']> = Extract<Match, { kind: Kind }>;

/** How the second reading of the language handles one kind of match, without any code from src/image. */
export interface ReadingPart<Of extends Match> {
  /** Whether a rule of this action covers an object. */
  covers(match: Of, object: AccessObject, action: Action): boolean;
  /** Objects that it is likely to cover, the likeliest first. */
  examples(match: Of): AccessObject[];
  /** Its kind for the order, regardless of what it names. */
  kind(match: Of): KindOfMatch;
  /** How specific it is, the most important number first; longer is more specific. */
  detail(match: Of): readonly number[];
  /** What every path that it covers begins with, a character for each byte; empty where it covers no paths. */
  start(match: Of): string;
}

/** For matches that cover no paths. */
export const NO_PATH = { start: () => '' } as const;

/** For matches that name no path and that no other match of their kind is more specific than. */
export const ONE_THING = { ...NO_PATH, kind: (): KindOfMatch => 'one thing', detail: (): number[] => [] } as const;

/** 1 for what is given, 0 for what is left out. */
export function has(value: unknown): number {
  return value === undefined ? 0 : 1;
}

/** A character for each byte. */
export function latin1(text: string | Uint8Array): string {
  return (typeof text === 'string' ? Buffer.from(text) : Buffer.from(text)).toString('latin1');
}
