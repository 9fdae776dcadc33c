import type { Range } from '../policy/characters.js';
import type { NondeterministicAutomaton } from './nondeterministic.js';

/**
 * Numbers in object keys: in base 16 with the digits `a` for 0 to `p` for 15, the highest first, so that a range of numbers
 * is a few ranges of digits.
 */
export const ZERO = 0x61;
const ANY_DIGIT: Range = { low: ZERO, high: ZERO + 15 };

/** Numbers from `low` to `high` as sequences of digit ranges: each stands for every choice of one digit per range. */
export function digitRanges(low: number, high: number, count: number): Range[][] {
  if (count === 0) return [[]];
  const unit = 16 ** (count - 1);
  const [first, last] = [Math.floor(low / unit), Math.floor(high / unit)];
  const behind = (from: number, to: number, digits: Range) =>
    digitRanges(from, to, count - 1).map((rest) => [digits, ...rest]);
  const digit = (from: number, to = from): Range => ({ low: ZERO + from, high: ZERO + to });
  if (first === last) return behind(low % unit, high % unit, digit(first));
  const firstWhole = low % unit === 0 ? first : first + 1;
  const lastWhole = high % unit === unit - 1 ? last : last - 1;
  return [
    ...(firstWhole > first ? behind(low % unit, unit - 1, digit(first)) : []),
    ...(firstWhole <= lastWhole ? behind(0, unit - 1, digit(firstWhole, lastWhole)) : []),
    ...(lastWhole < last ? behind(0, high % unit, digit(last)) : []),
  ];
}

export function anyDigits(automaton: NondeterministicAutomaton, from: number, count: number): number {
  let node = from;
  for (let left = count; left > 0; left--) node = oneDigit(automaton, node, ANY_DIGIT);
  return node;
}

export function oneDigit(automaton: NondeterministicAutomaton, from: number, range: Range): number {
  return range.low === range.high
    ? automaton.literal(from, [range.low])
    : automaton.character(from, `characters ${range.low}-${range.high}`, [range]);
}

/** A number in base 16. */
export function digits(value: number, count: number): string {
  let text = '';
  for (let shift = (count - 1) * 4; shift >= 0; shift -= 4)
    text += String.fromCharCode(ZERO + ((value >> shift) & 0xf));
  return text;
}

/** The number that these digits of an object key stand for. */
export function numberAt(key: string, start: number, count: number): number {
  let number = 0;
  for (let position = start; position < start + count; position++)
    number = number * 16 + key.charCodeAt(position) - ZERO;
  return number;
}

/** Whether there are only digits from one position to another. */
export function areDigits(key: string, start: number, end: number): boolean {
  for (let position = start; position < end; position++) {
    const value = key.charCodeAt(position) - ZERO;
    if (!(value >= 0 && value < 16)) return false;
  }
  return true;
}
