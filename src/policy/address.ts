import { isIPv4, isIPv6 } from 'node:net';
import type { AddressBlock } from './network.js';

const MAPPED_PREFIX_BITS = 96;

/**
 * Reads an address, or a block of them in CIDR notation. IPv4-mapped IPv6 addresses (RFC 4291, 2.5.5.2) become the IPv4
 * addresses they stand for.
 *
 * @returns the block, or what is wrong with the text
 */
export function parseAddressBlock(text: string): AddressBlock | string {
  const [, addressText = '', bitsText] = /^([^/]*)(?:\/(\d{1,3}))?$/u.exec(text) ?? [];
  const address = parseAddress(addressText);
  if (address === undefined)
    return 'must be an address or a block of addresses, for example `10.0.0.0/8` or `fd00::/8`';
  const bitsMax = address.length * 8;
  const bits = bitsText === undefined ? bitsMax : Number(bitsText);
  if (bits > bitsMax) return `has a prefix of ${bits} bits, at most ${bitsMax} are possible`;
  if (hasBitsBehind(address, bits)) return `has bits set behind its prefix of ${bits}`;
  if (!isMapped(address)) return { address, bits };
  if (bits < MAPPED_PREFIX_BITS) return 'covers more than the IPv4-mapped addresses, write the IPv4 block instead';
  return { address: address.subarray(12), bits: bits - MAPPED_PREFIX_BITS };
}

function parseAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.').map(Number));
  if (!isIPv6(text) || text.includes('%')) return undefined;
  // A dotted-decimal end stands for the last two groups.
  const dotted = /[^:]+\.[^:]+$/u.exec(text)?.[0];
  const hex = dotted === undefined ? text : text.slice(0, -dotted.length) + toGroups(parseAddress(dotted)!);
  const [head, tail] = hex.split('::');
  const groupsOf = (part: string | undefined) => (part ? part.split(':') : []);
  const before = groupsOf(head);
  const after = groupsOf(tail);
  const groups = [...before, ...new Array<string>(8 - before.length - after.length).fill('0'), ...after];
  return Uint8Array.from(
    groups.map((group) => Number.parseInt(group, 16)).flatMap((group) => [group >> 8, group & 0xff]),
  );
}

function toGroups([a, b, c, d]: Uint8Array): string {
  return `${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`;
}

function hasBitsBehind(address: Uint8Array, bits: number): boolean {
  return address.some((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return (byte & (0xff >> kept)) !== 0;
  });
}

function isMapped(address: Uint8Array): boolean {
  return address.length === 16 && address.every((byte, index) => index > 11 || byte === (index < 10 ? 0 : 0xff));
}

/** Writes 16 bytes as RFC 5952 has it: the longest run of zero groups is left out. */
export function formatIpv6(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bytes[index * 2]! << 8) | bytes[index * 2 + 1]!).toString(16),
  );
  const text = groups.join(':');
  const runs = text.match(/\b0(?::0)+\b/gu) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  return longest === '' ? text : text.replace(new RegExp(`:?\\b${longest}\\b:?`, 'u'), '::');
}
