import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddressBlock } from '../../../src/policy/address.js';
import { parsePorts } from '../../../src/policy/network.js';

const block = (text: string) => {
  const parsed = parseAddressBlock(text);
  return typeof parsed === 'string' ? parsed : `${Buffer.from(parsed.address).toString('hex')}/${parsed.bits}`;
};

test('addresses and blocks of both families are read', () => {
  assert.equal(block('10.1.2.3'), '0a010203/32');
  assert.equal(block('10.0.0.0/8'), '0a000000/8');
  assert.equal(block('0.0.0.0/0'), '00000000/0');
  assert.equal(block('::1'), '00000000000000000000000000000001/128');
  assert.equal(block('::/0'), `${'0'.repeat(32)}/0`);
  assert.equal(block('fd00::/8'), `fd${'0'.repeat(30)}/8`);
  assert.equal(block('2001:db8::1:2'), '20010db8000000000000000000010002/128');
  assert.equal(block('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008/128');
});

test('an IPv4-mapped address, and no other, is read as the IPv4 address', () => {
  assert.equal(block('::ffff:10.1.2.3'), '0a010203/32');
  assert.equal(block('::ffff:a01:203'), '0a010203/32');
  assert.equal(block('::ffff:10.0.0.0/104'), '0a000000/8');
  assert.match(block('::ffff:0:0/90'), /bits set behind/);
  assert.equal(block('::10.1.2.3'), `${'0'.repeat(24)}0a010203/128`);
});

test('an invalid block of addresses is refused with the reason', () => {
  const otherForms = ['fe80::1%eth0', '010.0.0.1', '0xa.0.0.1'];
  for (const text of ['', 'host', '10.0.0', '10.0.0.256', '10.0.0.0/', '10.0.0.0/x', '1.2.3.4/8/8', ...otherForms]) {
    assert.match(block(text), /^must be an address or a block/, text);
  }
  assert.equal(block('10.0.0.0/33'), 'has a prefix of 33 bits, at most 32 are possible');
  assert.equal(block('::/129'), 'has a prefix of 129 bits, at most 128 are possible');
  assert.equal(block('10.0.0.1/8'), 'has bits set behind its prefix of 8');
  assert.equal(block('10.128.0.0/8'), 'has bits set behind its prefix of 8');
  assert.equal(block('fd00::8000/112'), 'has bits set behind its prefix of 112');
});

test('ports are one port or an ascending range', () => {
  assert.deepEqual(parsePorts('443'), { low: 443, high: 443 });
  assert.deepEqual(parsePorts('0-65535'), { low: 0, high: 65535 });
  for (const text of ['', 'x', '65536', '2-1', '1-', '-1', '1-2-3', '1,2'])
    assert.equal(parsePorts(text), undefined, text);
});
