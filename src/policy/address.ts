import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
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
  return isMapped(address) ? { address: address.subarray(12), bits: bits - MAPPED_PREFIX_BITS } : { address, bits };
}

function parseAddress(text: string): Uint8Array | undefined {
  // Neither a zone, nor the octal, hexadecimal and short forms that the library reads as C libraries do.
  if (!/^[\da-f.:]+$/iu.test(text) || isIP(text) === 0) return undefined;
  // It takes `::10.1.2.3` for an IPv4-mapped address, which that is not (RFC 4291, 2.5.5.1).
  return Uint8Array.from(ipaddr.parse(text.replace(/^::(?=\d+\.)/u, '0::')).toByteArray());
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
  return ipaddr.fromByteArray([...bytes]).toString();
}
