import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

/** The folders in which rules are read, ordered, compiled, explained and sent. */
const ROOMS = ['src/policy', 'src/image', 'src/explain', 'src/profile', 'src/rpc'];
/** Files with switches over arbitrary text: a character, a keyword of a schema. */
const BY_ANY_TEXT = ['src/policy/name-expression.ts', 'src/policy/schema-check.ts'];

const FILES = ROOMS.flatMap((room) =>
  readdirSync(room, { recursive: true, encoding: 'utf8' }).map((name) => join(room, name)),
).filter((file) => file.endsWith('.ts') && !BY_ANY_TEXT.includes(file));

test('no switch over kinds has a default', () => {
  assert.ok(FILES.length > 100);
  const silent = FILES.filter((file) => /^\s*default:\n(?!\s*\w+ satisfies never;)/mu.test(readFileSync(file, 'utf8')));
  assert.deepEqual(silent, []);
});

test('a switch over kinds that returns nothing does not compile without one of them', () => {
  // One that returns a value does not either, as its function would lack an end.
  const SWITCH = /^( *)[^\n]*\bswitch \([^\n]*\) \{\n(.*?)^\1\}/gmsu;
  const switches = FILES.flatMap((file) =>
    Array.from(readFileSync(file, 'utf8').matchAll(SWITCH), ([, , body]) => ({ file, body })),
  );
  const withoutValue = switches.filter(({ body }) => /^\s*break;$/mu.test(body!));
  assert.ok(withoutValue.length > 0);
  const open = withoutValue.filter(({ body }) => !/^\s*default:\n\s*\w+ satisfies never;/mu.test(body!));
  assert.deepEqual(
    open.map(({ file }) => file),
    [],
  );
});
