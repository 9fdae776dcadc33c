import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { hasUnseen, printable, printableJson } from '../../src/printable.js';
import { yamlText } from '../../src/yaml-text.js';

const FORGED = '/x\n\u001b[2J\u001b]0;title\u0007\r\u009b1m\u202eevil\u2066\u200b\u{e0041}\u007f';

describe('a name from outside, when printed', () => {
  test('is one line without terminal control characters', () => {
    assert.equal(
      printable(FORGED),
      '/x\\n\\x1b[2J\\x1b]0;title\\x07\\r\\u{9b}1m\\u{202e}evil\\u{2066}\\u{200b}\\u{e0041}\\x7f',
    );
    assert.equal(printable('/srv/größe 日本 \u{1f600}'), '/srv/größe 日本 \u{1f600}');
  });

  test('is the same value in JSON and YAML', () => {
    const text = fc.string({ unit: fc.oneof(fc.constantFrom(...FORGED), fc.string({ maxLength: 1 })), maxLength: 12 });
    fc.assert(
      fc.property(fc.dictionary(text, fc.array(text)), (value) => {
        const json = printableJson(value);
        assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(value)));
        assert.ok(!hasUnseen(json));
        const yaml = yamlText(value);
        assert.deepEqual(parse(yaml), { ...value });
        assert.ok(!hasUnseen(yaml.replaceAll('\n', '')), yaml);
      }),
    );
  });
});
