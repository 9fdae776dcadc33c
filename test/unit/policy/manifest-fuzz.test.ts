import { test } from 'node:test';
import fc from 'fast-check';
import { Failure } from '../../../src/failure.js';
import { readManifest } from '../../../src/policy/manifest.js';
import { ALLOW_WITH_SOURCES, BLOCK_WITH_COMMENTS, GENERATED } from './published.js';
import { options } from './support.js';

/** Fails for anything thrown that is not a refusal with problems. */
function readOrRefuse(text: string): void {
  try {
    readManifest(text, options);
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.code !== 'invalid-argument' || thrown.problems.length === 0)
      throw thrown;
  }
}

const BUDGET = { numRuns: 100_000, interruptAfterTimeLimit: 700, markInterruptAsFailure: false };
const manifest = fc.constantFrom(ALLOW_WITH_SOURCES, BLOCK_WITH_COMMENTS, GENERATED);
const fragment = fc.oneof(
  fc.constantFrom('---\n', '...', '- ', ': ', '{', '}', '[', ']', '&a ', '*a', '!!map ', '? ', '|\n', '"', "'", '\n'),
  fc.constantFrom(
    'path:',
    'null',
    '\t',
    '%YAML 1.1\n',
    '__proto__: {a: 1}\n',
    'constructor: 1\n',
    '\0',
    '\ufeff',
    '<<: ',
  ),
  fc.string({ maxLength: 5 }),
);

test('random text is either read or refused', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fragment).map((pieces) => pieces.join('')),
  );
  fc.assert(fc.property(text, readOrRefuse), BUDGET);
});

test('a valid manifest with random pieces removed and inserted is either read or refused', () => {
  const edit = fc.record({ at: fc.nat(1200), cut: fc.nat(12), put: fragment });
  const property = fc.property(manifest, fc.array(edit, { minLength: 1, maxLength: 4 }), (text, edits) => {
    let edited = text;
    for (const { at, cut, put } of edits) {
      const start = at % edited.length;
      edited = edited.slice(0, start) + put + edited.slice(start + cut);
    }
    readOrRefuse(edited);
  });
  fc.assert(property, BUDGET);
});

test('a valid manifest with random lines moved is either read or refused', () => {
  const lines = manifest.chain((text) => fc.shuffledSubarray(text.split('\n'), { minLength: 3 }));
  fc.assert(
    fc.property(lines, (moved) => readOrRefuse(moved.join('\n'))),
    BUDGET,
  );
});
