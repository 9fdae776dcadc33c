import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Case, casesOf, runCase } from './cases.js';
import { becomeRunner, switchTo, takeReached } from './switch.js';

/** Runs cases of test files for runner-process.ts, again and again in one process. Usage: node runner.js REACHED-FILE */

/** A request to run some cases of a file, or all, in this order. */
export interface Request {
  readonly file: string;
  readonly mutant?: string;
  readonly cases?: readonly number[];
  /** Whether to stop at the first case that fails. */
  readonly stops: boolean;
}

export interface CaseResult {
  readonly number: number;
  readonly passed: boolean;
  readonly milliseconds: number;
  /** The mutants that the case reaches. */
  readonly reached: readonly string[];
}

export interface Answer {
  /** Undefined where the file cannot be loaded. */
  readonly results: readonly CaseResult[] | undefined;
  /** The mutants that are reached while files are loaded. */
  readonly atLoad: readonly string[];
}

const reachedElsewhere = process.argv[2]!;
writeFileSync(reachedElsewhere, '');
becomeRunner(reachedElsewhere);

const loaded = new Map<string, Case[]>();
/** Ends the running case with an error that nothing caught. */
let interrupt: (error: unknown) => void = () => undefined;
process.on('uncaughtException', (error) => interrupt(error));
process.on('unhandledRejection', (error) => interrupt(error));
// The event loop is empty, so the case would wait for ever.
process.on('beforeExit', () => interrupt(new Error('the event loop is empty before the case has ended')));
process.on('message', (request: Request) => {
  void answer(request).then((message) => process.send!(message));
});

async function answer({ file, mutant, cases, stops }: Request): Promise<Answer> {
  takeReached();
  if (!loaded.has(file)) {
    try {
      loaded.set(file, await casesOf(() => import(pathToFileURL(file).href)));
    } catch {
      return { results: undefined, atLoad: takeReached() };
    }
  }
  const atLoad = takeReached();
  const found = loaded.get(file)!;
  const results: CaseResult[] = [];
  // A mutant set in the environment stays active, since files are loaded with it.
  if (process.env.HAUBERK_MUTANT_AT_LOAD === undefined) switchTo(mutant);
  for (const number of cases ?? found.keys()) {
    const result = await run(found[number]!, number);
    results.push(result);
    if (!result.passed && stops) break;
  }
  return { results, atLoad };
}

async function run(tried: Case, number: number): Promise<CaseResult> {
  const start = process.cpuUsage();
  // Otherwise the channel to the parent would keep the event loop alive, and hide a case that waits for ever.
  process.channel!.unref();
  const interrupted = new Promise<never>((_, reject) => {
    interrupt = reject;
  });
  const passed = await Promise.race([runCase(tried), interrupted]).then(
    () => true,
    () => false,
  );
  interrupt = () => undefined;
  process.channel!.ref();
  const { user, system } = process.cpuUsage(start);
  const elsewhere = readFileSync(reachedElsewhere, 'utf8').split('\n').slice(0, -1);
  if (elsewhere.length > 0) truncateSync(reachedElsewhere);
  const reached = [...new Set([...takeReached(), ...elsewhere])];
  return { number, passed, milliseconds: (user + system) / 1000, reached };
}
