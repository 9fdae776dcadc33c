import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { textOf } from '../../../src/kernel/text.js';

const shown = (bytes: Buffer) => textOf(bytes, 0, bytes.length);

/** The bytes that an escaped text stands for. */
function bytesOf(text: string): Buffer {
  const parts = text.split(/\\x([0-9a-f]{2})/u);
  return Buffer.concat(parts.map((part, index) => (index % 2 === 0 ? Buffer.from(part) : Buffer.from(part, 'hex'))));
}

describe('the text of a name from the kernel', () => {
  test('escapes bytes that are not UTF-8 and leaves the rest unchanged', () => {
    assert.equal(shown(Buffer.from([0x2f, 0xff, 0x61, 0xc3, 0xa9, 0xe2, 0x82])), '/\\xffaé\\xe2\\x82');
    assert.equal(shown(Buffer.from('/etc/shadow')), '/etc/shadow');
    assert.equal(shown(Buffer.from('/a\ufffdb')), '/a\ufffdb');
    assert.equal(shown(Buffer.from('/a\\b')), '/a\\b');
  });

  test('distinguishes such an escape in a name from the byte', () => {
    assert.equal(shown(Buffer.from('/\\xff')), '/\\x5cxff');
    assert.equal(shown(Buffer.from([0x5c, 0x78, 0x66, 0x66, 0xff])), '\\x5cxff\\xff');
  });

  test('is unique for every name', () => {
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0x5c, 0x78, 0x66, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0xf0));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 24 }), (array) => {
        const bytes = Buffer.from(array);
        assert.deepEqual(bytesOf(shown(bytes)), bytes);
      }),
    );
  });
});
