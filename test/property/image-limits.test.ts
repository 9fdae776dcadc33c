import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Failure } from '../../src/failure.js';
import { compileImage } from '../../src/image/compile.js';
import type { PathMatch, Rule } from '../../src/policy/model.js';
import { resolveRules } from '../../src/policy/rule-set.js';

const RUNS = Math.ceil(Number(process.env.HAUBERK_RUNS ?? 2400) / 600);

/** The time that one image may take. */
const MILLISECONDS_MAX = 3000;

/** Processor time, which does not depend on other load. */
function processorMilliseconds(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function compilePatterns(patterns: readonly string[], sources: readonly string[]): { states: number } | Failure {
  const rules = patterns.map((pattern, index): Rule => {
    const match: PathMatch = { kind: 'pattern', pattern };
    const id = `rules[${index}]`;
    const rest = { readOnly: false, ownerOnly: false, severity: 5, tags: [], message: '' };
    return { id, class: 'file', match, sources, action: 'Block', ...rest };
  });
  const policy = { name: 'nasty', namespace: 'default', matchLabels: {}, rules };
  const bound = rules.map((rule) => ({ policy, rule }));
  try {
    return compileImage(
      resolveRules(bound, { process: 'audit', file: 'block', network: 'audit', capabilities: 'audit' }),
    );
  } catch (error) {
    assert(error instanceof Failure);
    assert.equal(error.code, 'resource-exhausted');
    return error;
  }
}

test('forty patterns that look back a dozen characters are refused before they cost much', () => {
  const patterns = Array.from({ length: 40 }, (_, index) => `/**a${'?'.repeat(10 + (index % 5))}b${index}`);
  const elapsed = processorMilliseconds(() => {
    assert(compilePatterns(patterns, []) instanceof Failure);
  });
  assert(elapsed < MILLISECONDS_MAX, `took ${elapsed} ms`);
});

test('hundreds of names below any directory, which no rule decides, are refused before they cost much', () => {
  const patterns = Array.from({ length: 300 }, (_, index) => `/**/x${index}/**`);
  const elapsed = processorMilliseconds(() => {
    assert(compilePatterns(patterns, ['/program']) instanceof Failure);
  });
  assert(elapsed < MILLISECONDS_MAX, `took ${elapsed} ms`);
});

test('any pattern repeated is compiled or refused in bounded time', () => {
  const part = fc.constantFrom('*', '**', '?', 'a', '[!a]', '[a-z]', '{a,b*,}', '{,?}', '/', 'é');
  const input = fc.record({
    prefix: fc.array(part, { maxLength: 4 }),
    repeated: fc.array(part, { minLength: 1, maxLength: 4 }),
    times: fc.integer({ min: 1, max: 150 }),
    patterns: fc.integer({ min: 1, max: 60 }),
    sources: fc.constantFrom([], ['/program']),
  });
  fc.assert(
    fc.property(input, ({ prefix, repeated, times, patterns, sources }) => {
      const text = `/${prefix.join('')}${repeated.join('').repeat(times)}`;
      const numbered = Array.from({ length: patterns }, (_, index) => `${text}${index}`);
      const elapsed = processorMilliseconds(() => compilePatterns(numbered, sources));
      assert(elapsed < MILLISECONDS_MAX, `took ${elapsed} ms`);
    }),
    { numRuns: RUNS },
  );
});
