import type { Parameters } from 'fast-check';

const DECISIONS = Number(process.env.HAUBERK_DECISIONS ?? 10_000);

/** The seed of a run, which is printed: HAUBERK_SEED, to repeat a reported failure, or a new one. */
export function seedOf(what: string): number {
  const seed = Number(process.env.HAUBERK_SEED ?? Date.now() % 2 ** 31);
  process.stdout.write(`# ${what}, HAUBERK_SEED=${seed}\n`);
  return seed;
}

/**
 * How often to run a property that makes this many decisions each time. HAUBERK_DECISIONS sets their total number.
 */
export function decisionRuns(
  decisionsEach: number,
): Pick<Parameters<unknown>, 'numRuns' | 'seed' | 'includeErrorInReport'> {
  const seed = seedOf(`${DECISIONS} decisions`);
  return { numRuns: Math.ceil(DECISIONS / decisionsEach), seed, includeErrorInReport: true };
}
