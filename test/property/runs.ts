import type { Parameters } from 'fast-check';

const DECISIONS = Number(process.env.HAUBERK_DECISIONS ?? 100_000);

/**
 * How often to run a property that makes so many decisions each time. HAUBERK_DECISIONS says how many there are to be in
 * all, HAUBERK_SEED begins again where a failure was reported.
 */
export function decisionRuns(
  decisionsEach: number,
): Pick<Parameters<unknown>, 'numRuns' | 'seed' | 'includeErrorInReport'> {
  const seed = Number(process.env.HAUBERK_SEED ?? Date.now() % 2 ** 31);
  process.stdout.write(`# ${DECISIONS} decisions, HAUBERK_SEED=${seed}\n`);
  return { numRuns: Math.ceil(DECISIONS / decisionsEach), seed, includeErrorInReport: true };
}
