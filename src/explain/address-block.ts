/** A block of addresses by the binary digits that they begin with, and how many digits they have: 32 or 128. */
export interface DigitBlock {
  readonly start: string;
  readonly digits: number;
}

const MAPPED = '0'.repeat(80) + '1'.repeat(16);

/** Reads a valid block by itself, without the library with which the compiler reads it. */
export function readBlock(text: string): DigitBlock {
  const [address = '', bits] = text.split('/');
  const all = readAddress(address);
  const start = bits === undefined ? all : all.slice(0, Number(bits));
  if (all.length === 128 && start.startsWith(MAPPED)) return { start: start.slice(MAPPED.length), digits: 32 };
  return { start, digits: all.length };
}

export function isWithin(address: readonly number[], { start, digits }: DigitBlock): boolean {
  const own = address.map((byte) => digitsOf(byte, 8)).join('');
  return own.length === digits && own.startsWith(start);
}

export function firstAddress({ start, digits }: DigitBlock): number[] {
  const all = start.padEnd(digits, '0');
  return Array.from({ length: digits / 8 }, (_, index) => Number.parseInt(all.slice(index * 8, index * 8 + 8), 2));
}

/** All of its digits. The end of an IPv6 address may be written as an IPv4 address is. */
function readAddress(text: string): string {
  const [, groups = '', dotted = ''] = /^(.*?)((?:\d+\.){3}\d+)?$/u.exec(text) ?? [];
  const bytes = dotted.split('.').filter((byte) => byte !== '');
  const end = bytes.map((byte) => digitsOf(Number(byte), 8)).join('');
  const [before = '', after] = groups.split('::').map((part) =>
    part
      .split(':')
      .filter((group) => group !== '')
      .map((group) => digitsOf(Number.parseInt(group, 16), 16))
      .join(''),
  );
  if (after === undefined) return before + end;
  return before + (after + end).padStart(128 - before.length, '0');
}

function digitsOf(number: number, count: number): string {
  return number.toString(2).padStart(count, '0');
}
