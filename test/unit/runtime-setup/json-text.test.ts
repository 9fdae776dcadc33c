import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseJsonObject, setJsonMember } from '../../../src/runtime-setup/json-text.js';

describe('setting a member in a JSON file', () => {
  const cases: readonly [name: string, before: string, after: string][] = [
    ['in an empty file', '', '{\n  "a": {\n    "b": 1\n  }\n}\n'],
    ['in an empty object', '{}', '{\n  "a": {\n    "b": 1\n  }\n}'],
    ['keeps the indentation by tabs', '{\n\t"x": [1, 2]\n}\n', '{\n\t"x": [1, 2],\n\t"a": {\n\t\t"b": 1\n\t}\n}\n'],
    [
      'keeps line ends of two characters',
      '{\r\n    "x": 1\r\n}\r\n',
      '{\r\n    "x": 1,\r\n    "a": {\r\n        "b": 1\r\n    }\r\n}\r\n',
    ],
    ['keeps a file of one line in one line', '{"x":1}', '{"x":1, "a": {"b":1}}'],
    ['adds to an existing object', '{\n  "a": {"x": 0}, "y": 2\n}', '{\n  "a": {"x": 0, "b": 1}, "y": 2\n}'],
    ['replaces a value', '{\n  "a": {"b": "old"}\n}', '{\n  "a": {"b": 1}\n}'],
  ];
  for (const [name, before, after] of cases)
    test(name, () => assert.equal(setJsonMember(before, ['a', 'b'], 1), after));

  test('removing an added member restores the file', () => {
    for (const before of ['{}\n', '{"x":1}', '{\n\t"x": [1, 2]\n}\n', '{\r\n  "x": {}\r\n}'])
      assert.equal(setJsonMember(setJsonMember(before, ['a'], { b: [1] }), ['a'], undefined), before);
  });

  test('a member that is null becomes an object', () => {
    assert.equal(setJsonMember('{"a": null}', ['a', 'b'], 1), '{"a": {\n  "b": 1\n}}');
  });

  test('refuses a file with a duplicate object', () => {
    assert.throws(
      () => setJsonMember('{"a": {}, "a": {"x": 1}}', ['a', 'b'], 1),
      /^Failure: a\.b cannot be set .* twice\?$/u,
    );
  });

  test('removes the first member, or nothing if it is missing', () => {
    assert.equal(setJsonMember('{"a": 1, "b": 2}', ['a'], undefined), '{"b": 2}');
    assert.equal(setJsonMember('{"b": 2}', ['a'], undefined), '{"b": 2}');
  });
});

describe('reading a JSON file', () => {
  test('a file without content is an object without members', () => {
    assert.deepEqual(parseJsonObject('/f.json', ' \n'), {});
  });

  const broken: readonly [text: string, message: string][] = [
    ['{\n  "a": 1\n  "b": 2\n}', '/f.json:3:3: comma expected'],
    ['{\n  "a": 1,\n}', '/f.json:3:1: property name expected'],
    ['{\n  // why\n}', '/f.json:2:3: invalid comment token'],
    ['{"a": 1', '/f.json:1:8: close brace expected'],
    ['[1]', '/f.json: it must be a JSON object'],
  ];
  for (const [text, message] of broken)
    test(`reports the error in ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseJsonObject('/f.json', text), { name: 'Failure', message });
    });
});
