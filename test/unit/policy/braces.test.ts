import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alternativesIn } from '../../../src/policy/braces.js';

test('a pattern is expanded to its alternatives, also if they nest, are empty or contain wildcards', () => {
  assert.deepEqual(alternativesIn('/{bin,sbin}/ls'), ['/bin/ls', '/sbin/ls']);
  assert.deepEqual(alternativesIn('/{,usr/}{bin,s{bin,*}}'), [
    ...['/bin', '/sbin', '/s*'],
    ...['/usr/bin', '/usr/sbin', '/usr/s*'],
  ]);
});

test('escaped braces and those in sets are not alternatives, and a pattern with very many is not expanded', () => {
  for (const pattern of ['/a\\{b,c}', '/[{,}]x', '/plain', '/{a', `/${'{a,b}'.repeat(7)}`])
    assert.deepEqual(alternativesIn(pattern), [pattern]);
});
