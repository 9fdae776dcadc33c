/** The median; throws without values. */
export function median(values: ArrayLike<number>): number {
  return percentile(values, 50);
}

/** The value that `percent` of the values do not exceed (nearest rank); throws without values. */
export function percentile(values: ArrayLike<number>, percent: number): number {
  if (values.length === 0) throw new Error('nothing was measured');
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}
