import type { NamespacePair } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import { checked } from '../native/kernel-error.js';
import { BPF_ANY, lookupElement, updateElement } from '../native/libbpf.js';
import { CONTAINER_KEY_BYTES, containerIn, containerKey, keysOf, lookupIfPresent } from './map-elements.js';

/** struct settings and struct token_bucket of bpf/include/token_bucket.h (a test compares them). */
export const SETTINGS = { event_interval_ns: 0, event_burst_ns: 8, host_policy: 16 } as const;
export const SETTINGS_BYTES = 24;
export const TOKEN_BUCKET = { full_at_ns: 0, denials_full_at_ns: 8, suppressed: 16 } as const;
export const TOKEN_BUCKET_BYTES = 24;

const ONLY = Uint32Array.of(0);
const NANOSECONDS = 1_000_000_000;

/** How many events of one container go into the ring; the rest is only counted. */
export interface EventLimit {
  /** On average; 0 for no limit. */
  readonly perSecond: number;
  /** How many at once, after a quiet period. */
  readonly burst: number;
}

/** The settings of the BPF programs, in one element of a map. */
export class Settings {
  readonly #value = Buffer.alloc(SETTINGS_BYTES);

  /** @param map descriptor of a map that an earlier daemon may have written to */
  constructor(readonly map: number) {
    checked('cannot read the settings', lookupElement(map, ONLY, this.#value));
  }

  limitEvents({ perSecond, burst }: EventLimit): void {
    const interval = perSecond === 0 ? 0 : Math.max(1, Math.round(NANOSECONDS / perSecond));
    this.#value.writeBigUInt64LE(BigInt(interval), SETTINGS.event_interval_ns);
    this.#value.writeBigUInt64LE(BigInt(interval * Math.max(1, burst)), SETTINGS.event_burst_ns);
    this.#write();
  }

  /** Whether the programs look for an image of the host's own processes at all. */
  enforceHost(isInForce: boolean): void {
    this.#value.writeBigUInt64LE(BigInt(isInForce), SETTINGS.host_policy);
    this.#write();
  }

  /** Writes them again if somebody else has changed them. @returns whether that was so */
  restore(): boolean {
    const found = Buffer.alloc(SETTINGS_BYTES);
    checked('cannot read the settings', lookupElement(this.map, ONLY, found));
    if (found.equals(this.#value)) return false;
    this.#write();
    return true;
  }

  #write(): void {
    checked('cannot write the settings', updateElement(this.map, ONLY, this.#value, BPF_ANY));
  }
}

/** How many events of the container were suppressed since its bucket was made. */
export function readSuppressed(buckets: number, container: NamespacePair): number {
  const value = Buffer.alloc(TOKEN_BUCKET_BYTES);
  const isThere = lookupIfPresent('cannot read a token bucket', buckets, containerKey(container), value);
  return isThere ? Number(value.readBigUInt64LE(TOKEN_BUCKET.suppressed)) : 0;
}

/** The same for every container that has a bucket, by its namespaces. */
export function readAllSuppressed(buckets: number): Map<string, number> {
  const keys = keysOf('cannot list the token buckets', buckets, CONTAINER_KEY_BYTES);
  const containers = Array.from(keys, containerIn);
  return new Map(containers.map((container) => [namespaceKey(container), readSuppressed(buckets, container)]));
}
