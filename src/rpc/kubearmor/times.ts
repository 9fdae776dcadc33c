const NANOSECONDS_A_SECOND = 1_000_000_000n;

/** A time as KubeArmor's messages have it, of nanoseconds since the Unix epoch. */
export function timeFields(nanoseconds: bigint): { Timestamp: bigint; UpdatedTime: string } {
  const Timestamp = nanoseconds / NANOSECONDS_A_SECOND;
  const microseconds = String((nanoseconds % NANOSECONDS_A_SECOND) / 1000n).padStart(6, '0');
  const second = new Date(Number(Timestamp) * 1000).toISOString().slice(0, -'.000Z'.length);
  return { Timestamp, UpdatedTime: `${second}.${microseconds}Z` };
}
