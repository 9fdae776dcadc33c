import { mock } from 'node:test';

/**
 * Replaces node:test in test files: keeps the test cases, so that each can run once for every mutant without loading its
 * file again.
 */

type Work = (context: CaseContext) => unknown;
type Options = { readonly skip?: unknown; readonly todo?: unknown };

interface Suite {
  readonly parent: Suite | undefined;
  readonly before: Work[];
  readonly after: Work[];
  readonly beforeEach: Work[];
  readonly afterEach: Work[];
}

export interface Case {
  readonly name: string;
  readonly suite: Suite;
  readonly work: Work;
}

/** The context that a test case is given. */
export class CaseContext {
  readonly mock = mock;
  readonly ends: Work[] = [];

  constructor(readonly name: string) {}

  after(work: Work): void {
    this.ends.push(work);
  }

  diagnostic(): void {}
}

const newSuite = (parent?: Suite): Suite => ({ parent, before: [], after: [], beforeEach: [], afterEach: [] });

let suite = newSuite();
let cases: Case[] = [];
let running: CaseContext | undefined;

export function test(name: string, ...rest: [Work] | [Options, Work]): void {
  const [options, work] = rest.length === 1 ? [{}, rest[0]] : rest;
  if (!options.skip && !options.todo) cases.push({ name, suite, work });
}

export function describe(_name: string, ...rest: [() => void] | [Options, () => void]): void {
  const [options, work] = rest.length === 1 ? [{}, rest[0]] : rest;
  if (options.skip) return;
  const outer = suite;
  suite = newSuite(outer);
  work();
  suite = outer;
}

export const before = (work: Work) => void suite.before.push(work);
export const after = (work: Work) => void (running?.ends ?? suite.after).push(work);
export const beforeEach = (work: Work) => void suite.beforeEach.push(work);
export const afterEach = (work: Work) => void suite.afterEach.push(work);
export const it = test;
export type TestContext = CaseContext;
test.after = after;
test.before = before;
test.beforeEach = beforeEach;
test.afterEach = afterEach;

export { mock };

/** Loads a test file. */
export async function casesOf(load: () => Promise<unknown>): Promise<Case[]> {
  suite = newSuite();
  cases = [];
  await load();
  return cases;
}

/** @throws what the case or a hook throws */
export async function runCase({ name, suite: own, work }: Case): Promise<void> {
  const suites: Suite[] = [];
  for (let each: Suite | undefined = own; each !== undefined; each = each.parent) suites.unshift(each);
  const context = new CaseContext(name);
  running = context;
  try {
    for (const each of suites) for (const hook of [...each.before, ...each.beforeEach]) await hook(context);
    await work(context);
  } finally {
    try {
      for (const end of context.ends) await end(context);
      for (const each of suites.reverse()) {
        for (const hook of each.afterEach) await hook(context);
        // Without `before`, what was opened while the file was loaded must stay open for the next run of the case.
        if (each.before.length > 0) for (const hook of each.after) await hook(context);
      }
    } finally {
      running = undefined;
      mock.reset();
      mock.timers.reset();
    }
  }
}
