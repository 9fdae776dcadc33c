import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

/** The folders in which rules are read, ordered, compiled, explained and sent. */
const ROOMS = ['src/policy', 'src/image', 'src/explain', 'src/profile', 'src/rpc'];
/** Files with switches over arbitrary text: a character, a keyword of a schema. */
const BY_ANY_TEXT = ['src/policy/name-expression.ts', 'src/policy/schema-check.ts'];

test('no switch over kinds has a default', () => {
  const files = ROOMS.flatMap((room) =>
    readdirSync(room, { recursive: true, encoding: 'utf8' }).map((name) => join(room, name)),
  ).filter((file) => file.endsWith('.ts') && !BY_ANY_TEXT.includes(file));
  assert.ok(files.length > 100);
  const silent = files.filter((file) => /^\s*default:\n(?!\s*\w+ satisfies never;)/mu.test(readFileSync(file, 'utf8')));
  assert.deepEqual(silent, []);
});
