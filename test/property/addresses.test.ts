import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { firstAddress, isWithin, readBlock } from '../../src/explain/address-block.js';
import { formatIpv6, parseAddressBlock } from '../../src/policy/address.js';
import { seedOf } from './runs.js';

const RUNS = 20_000;
const runs = () => ({ numRuns: RUNS, seed: seedOf(`${RUNS} texts`), includeErrorInReport: true });

const byte = fc.oneof(fc.constantFrom('0', '1', '10', '255'), fc.integer({ min: 0, max: 255 }).map(String));
const dottedOf = (part: fc.Arbitrary<string>, most: number) =>
  fc.array(part, { minLength: most - 1, maxLength: most }).map((parts) => parts.join('.'));
const dotted = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.'));
const group = fc.oneof(
  { weight: 3, arbitrary: fc.constant('0') },
  { weight: 1, arbitrary: fc.constantFrom('1', 'ffff', 'FFFF', '00ff', '0db8', 'fd00') },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }).map((number) => number.toString(16)) },
);
const ipv6 = fc
  .tuple(fc.array(group, { maxLength: 7 }), fc.array(group, { maxLength: 7 }), fc.option(dotted))
  .map(([before, after, end]) => {
    const all = end === null ? after : [...after, end];
    const missing = 8 - before.length - all.length - (end === null ? 0 : 1);
    if (missing >= 1) return `${before.join(':')}::${all.join(':')}`;
    const groups = [...before, ...after].slice(0, end === null ? 8 : 6);
    return (end === null ? groups : [...groups, end]).join(':');
  });
const mapped = fc
  .oneof(
    dotted,
    fc.tuple(group, group).map((groups) => groups.join(':')),
  )
  .map((end) => `::ffff:${end}`);

const address = fc.oneof(dotted, ipv6, mapped);
/** What other readers of addresses accept, and what is almost an address. */
const nearly = fc.oneof(
  dottedOf(fc.oneof(byte, fc.constantFrom('010', '0x1f', '256', '', '08', '-1', ' 1')), 4),
  dottedOf(byte, 5),
  fc.integer({ min: 0, max: 2 ** 32 }).map(String),
  fc.array(fc.oneof(group, dotted, fc.constantFrom('', 'g', '12345')), { maxLength: 10 }).map((all) => all.join(':')),
  fc.tuple(ipv6, fc.constantFrom('%eth0', '%1', ':', '::', '\n', '\0', ' ', '.', ']')).map((all) => all.join('')),
  fc.string(),
);

/** As Node.js's parser of URLs writes an address of IPv6: an IPv4 address as the one that is mapped to it. */
const normalized = (text: string) => new URL(`http://[${text.includes(':') ? text : `::ffff:${text}`}]/`).hostname;
const written = (bytes: readonly number[]) =>
  `[${formatIpv6(bytes.length === 4 ? [...new Array(10).fill(0), 255, 255, ...bytes] : bytes)}]`;

test('an address is what Node.js takes for one without a zone, and the one that it takes it for', () => {
  let accepted = 0;
  const property = fc.property(fc.oneof(address, nearly), (text) => {
    const block = parseAddressBlock(text);
    if (isIP(text) === 0 || /[%\0]/u.test(text)) {
      if (!text.includes('/')) assert.match(block as string, /^must be an address/u);
      return;
    }
    accepted++;
    assert.ok(typeof block === 'object', `${text} ${block}`);
    assert.equal(block.bits, block.address.length * 8);
    assert.equal(written([...block.address]), normalized(text));
  });
  fc.assert(property, runs());
  assert.ok(accepted > RUNS / 3 && accepted < RUNS);
});

test('an IPv6 address is written as Node.js writes it', () => {
  const zeros = fc.constantFrom([0, 0], [0, 0], [0, 1], [0x10, 0]);
  const bytes = fc
    .array(fc.oneof(zeros, fc.tuple(fc.nat(255), fc.nat(255))), { minLength: 8, maxLength: 8 })
    .map((groups) => groups.flat());
  const property = fc.property(bytes, (each) => {
    const groups = Array.from({ length: 8 }, (_, index) =>
      (each[index * 2]! * 256 + each[index * 2 + 1]!).toString(16),
    );
    assert.equal(written(each), normalized(groups.join(':')));
  });
  fc.assert(property, runs());
});

test('both readings of a block and Node.js find the same addresses in it', () => {
  let blocks = 0;
  const property = fc.property(address, fc.nat(130), address, fc.nat(127), (text, bits, other, flipped) => {
    const block = parseAddressBlock(`${text}/${bits}`);
    if (typeof block === 'string') return;
    blocks++;
    const read = readBlock(`${text}/${bits}`);
    assert.deepEqual(firstAddress(read), [...block.address]);
    assert.deepEqual([read.start.length, read.digits], [block.bits, block.address.length * 8]);
    const family = block.address.length === 4 ? 'ipv4' : 'ipv6';
    const textOf = (bytes: readonly number[]) => (family === 'ipv4' ? bytes.join('.') : formatIpv6(bytes));
    const list = new BlockList();
    list.addSubnet(textOf([...block.address]), block.bits, family);
    const near = [...block.address];
    near[(flipped >> 3) % near.length]! ^= 1 << (flipped & 7);
    const { address: far } = parseAddressBlock(other) as { address: Uint8Array };
    for (const each of [[...block.address], near, [...far]]) {
      if (each.length !== block.address.length) assert.ok(!isWithin(each, read));
      else assert.equal(isWithin(each, read), list.check(textOf(each), family), `${each} in ${text}/${bits}`);
    }
  });
  fc.assert(property, runs());
  assert.ok(blocks > RUNS / 50);
});
