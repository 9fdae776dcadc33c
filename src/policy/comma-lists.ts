import { isObject, type JsonObject } from '../json-shape.js';
import type { FieldPath, Finding } from './finding.js';

/** Fields in which KubeArmor takes several values separated by commas, by the section and list they stand in. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  network: { matchProtocols: 'protocol', matchDNSQueries: 'domain' },
  capabilities: { matchCapabilities: 'capability' },
};

/** More than there are capabilities; a text with more values stays as it is. */
const VALUES_MAX = 64;

export interface Separated {
  /** With an entry of its own for each value. */
  readonly object: unknown;
  /** Maps a path in this object to the path in the object as it was written. */
  readonly writtenPath: (path: FieldPath) => FieldPath;
}

/**
 * Reads `protocol: tcp,udp` as KubeArmor does: as an entry for each value, otherwise equal. Does not modify its
 * argument.
 */
export function separateValues(object: unknown): Separated {
  const spec = isObject(object) ? object.spec : undefined;
  if (!isObject(object) || !isObject(spec)) return { object, writtenPath: (path) => path };
  const separated: Record<string, unknown> = { ...spec };
  const origins = new Map<string, readonly number[]>();
  for (const [name, lists] of Object.entries(FIELDS)) {
    for (const [list, field] of Object.entries(lists)) {
      const section = separated[name];
      if (!isObject(section) || !Array.isArray(section[list])) continue;
      const entries = section[list].flatMap((entry: unknown, index) =>
        valuesOf(entry, field).map((each) => ({ entry: each, index })),
      );
      if (entries.length === section[list].length) continue;
      separated[name] = { ...section, [list]: entries.map(({ entry }) => entry) };
      origins.set(
        `${name}.${list}`,
        entries.map(({ index }) => index),
      );
    }
  }
  if (origins.size === 0) return { object, writtenPath: (path) => path };
  const writtenPath = ([root, section, list, index, ...rest]: FieldPath): FieldPath => {
    const origin =
      root === 'spec' && typeof index === 'number' ? origins.get(`${section}.${list}`)?.[index] : undefined;
    return [root, section, list, origin ?? index, ...rest].filter((step) => step !== undefined);
  };
  return { object: { ...object, spec: separated }, writtenPath };
}

/** Findings in terms of what was written: what concerns several entries that were written as one is reported once. */
export function writtenFindings(findings: readonly Finding[], writtenPath: Separated['writtenPath']): Finding[] {
  const distinct = new Map<string, Finding>();
  for (const finding of findings) {
    const path = writtenPath(finding.path);
    const key = JSON.stringify([path, finding.description]);
    if (!distinct.has(key)) distinct.set(key, { ...finding, path });
  }
  return [...distinct.values()];
}

function valuesOf(entry: unknown, field: string): unknown[] {
  const text = isObject(entry) ? entry[field] : undefined;
  if (typeof text !== 'string' || !text.includes(',')) return [entry];
  const values = new Set(text.split(',', VALUES_MAX + 1).map((value) => value.trim()));
  return values.size > VALUES_MAX
    ? [entry]
    : Array.from(values, (value) => ({ ...(entry as JsonObject), [field]: value }));
}
