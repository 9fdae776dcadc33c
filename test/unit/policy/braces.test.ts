import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alternativesIn } from '../../../src/policy/braces.js';

test('a pattern stands for each of its alternatives, also where they nest, are empty, or hold wildcards', () => {
  assert.deepEqual(alternativesIn('/{bin,sbin}/ls'), ['/bin/ls', '/sbin/ls']);
  assert.deepEqual(alternativesIn('/{,usr/}{bin,s{bin,*}}'), [
    ...['/bin', '/sbin', '/s*'],
    ...['/usr/bin', '/usr/sbin', '/usr/s*'],
  ]);
});

test('what is escaped or stands in a set is no alternative, and of very many the pattern stays whole', () => {
  for (const pattern of ['/a\\{b,c}', '/[{,}]x', '/plain', '/{a', `/${'{a,b}'.repeat(7)}`])
    assert.deepEqual(alternativesIn(pattern), [pattern]);
});
