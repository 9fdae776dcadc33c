import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Failure } from '../../../src/failure.js';
import { formerValue, parseToml, revertToml, setTomlValues } from '../../../src/runtime-setup/toml-text.js';

const TABLE = ['plugins', 'io.cri', 'runtimes', 'runc'];
const HEADER = '[plugins."io.cri".runtimes.runc]';

function set(text: string, values: Record<string, string | boolean> = { spec: '/ours' }): string {
  return setTomlValues('/config.toml', text, TABLE, values);
}

describe('setting a value in a TOML file', () => {
  const cases: readonly [name: string, before: string, after: string][] = [
    [
      'makes a table that is missing, at the end',
      'a = 1\n',
      `a = 1\n${HEADER} # hauberk: added\n  spec = "/ours" # hauberk: added\n`,
    ],
    ['creates the table in an empty file', '', `${HEADER} # hauberk: added\n  spec = "/ours" # hauberk: added\n`],
    [
      'adds a line behind the last of its table, with the same indentation',
      `${HEADER}\n    type = "x" # why\n\n[other]\n`,
      `${HEADER}\n    type = "x" # why\n    spec = "/ours" # hauberk: added\n\n[other]\n`,
    ],
    ['adds the first line of a table', `  ${HEADER}\n`, `  ${HEADER}\n    spec = "/ours" # hauberk: added\n`],
    [
      'notes what a value was',
      `${HEADER}\n  spec = "" # none\n  type = "x"\n`,
      `${HEADER}\n  spec = "/ours" # hauberk: was "" # none\n  type = "x"\n`,
    ],
    [
      'finds a table by its name, however it is quoted',
      `[ plugins.'io.cri' . runtimes.runc ]\nspec = '/theirs#1'\n`,
      `[ plugins.'io.cri' . runtimes.runc ]\nspec = "/ours" # hauberk: was '/theirs#1'\n`,
    ],
    [
      'finds a table whose name is written with escapes, and keeps line ends of two characters',
      '[plugins."io.c\\U00000072i".runtimes.runc]\r\nspec = "" # none\r\n',
      '[plugins."io.c\\U00000072i".runtimes.runc]\r\nspec = "/ours" # hauberk: was "" # none\r\n',
    ],
    [
      'takes no text in a long string or a list for a table',
      `text = """\n${HEADER}\nspec = "no" """\nlist = [\n  "[x]", # ]\n  '''\n[y]''',\n]\n${HEADER}\nspec = "a"\n`,
      `text = """\n${HEADER}\nspec = "no" """\nlist = [\n  "[x]", # ]\n  '''\n[y]''',\n]\n${HEADER}\nspec = "/ours" # hauberk: was "a"\n`,
    ],
  ];
  for (const [name, before, after] of cases) {
    test(name, () => assert.equal(set(before), after));
    test(`${name}, and removing it restores the text`, () =>
      assert.equal(
        revertToml(set(before), () => true),
        before,
      ));
    test(`${name}, and setting it twice is the same as once`, () => assert.equal(set(set(before)), set(before)));
  }

  test('refuses a table that is written inline, and says what to write', () => {
    assert.throws(
      () => set('[plugins."io.cri"]\nruntimes = { runc = { type = "x" } }\n'),
      new Failure(
        'failed-precondition',
        `/config.toml is written in a way that is not edited here; add below ${HEADER} by hand: spec = "/ours"`,
      ),
    );
  });

  test('refuses to overwrite a value of several lines', () => {
    assert.throws(() => set(`${HEADER}\nspec = """a\nb"""\n`), /is not edited here/u);
  });

  test('keeps the earlier value', () => {
    const text = set(`${HEADER}\nspec = '/their "own"'\n`);
    assert.equal(formerValue(text, TABLE, 'spec'), '/their "own"');
    assert.equal(formerValue(set(''), TABLE, 'spec'), undefined);
  });
});

describe('removing settings', () => {
  test('keeps a value that was changed since, without the marker', () => {
    const text = set(`${HEADER}\n  spec = "a" # why\n`).replace('/ours', '/mine');
    const isOurs = (_: string, value: unknown) => value === '/ours';
    assert.equal(revertToml(text, isOurs), `${HEADER}\n  spec = "/mine" # why\n`);
  });

  test('keeps a table with added settings', () => {
    const text = `${set('')}  theirs = 1\n`;
    assert.equal(
      revertToml(text, () => true),
      `${HEADER}\n  theirs = 1\n`,
    );
  });

  test('ignores the same words in a string', () => {
    const text = 'text = """\nspec = "/ours" # hauberk: added\n"""\n';
    assert.equal(
      revertToml(text, () => true),
      text,
    );
  });
});

test('a file that is not TOML is refused with file, line and column', () => {
  assert.throws(
    () => parseToml('/config.toml', 'a = 1\nb = = 2\n'),
    /^Failure: \/config\.toml:2:5: Invalid TOML document: /u,
  );
});
