import type { Operation, Ownership } from '../../src/policy/effect.js';
import { effectOf } from '../../src/policy/effect.js';
import type { Action, BoundRule, Match, RuleClass } from '../../src/policy/model.js';
import { compareRules } from '../../src/policy/order.js';
import type { RuleSet } from '../../src/policy/rule-set.js';

/**
 * What the compiler of images is measured against: every rule is asked in turn, and patterns are matched by
 * backtracking. Slow, plain, and without a line from src/image.
 */
export interface Access {
  readonly program: string;
  readonly operation: Operation;
  readonly ownership: Ownership;
}

const CLASSES: Readonly<Record<Operation, RuleClass>> = {
  execute: 'process',
  read: 'file',
  write: 'file',
  communicate: 'network',
  use: 'capabilities',
};

/** The rules of a set that match a path, in the order in which they are asked. */
export function matchingRules({ rules }: RuleSet, path: Buffer): BoundRule[] {
  return [...rules].sort(compareRules).filter(({ rule }) => referenceMatches(rule.match, path));
}

/** The answer, and the rule that decided: its place in the order, or for a posture that after the last rule. */
export function referenceDecision(
  { rules, postures }: RuleSet,
  matching: readonly BoundRule[],
  { program, operation, ownership }: Access,
): { action: Action; rule: number | undefined } {
  for (const bound of matching) {
    const { sources } = bound.rule;
    if (sources.length > 0 && !sources.includes(program)) continue;
    const action = effectOf(bound.rule, operation, ownership);
    if (action !== undefined) return { action, rule: rules.indexOf(bound) };
  }
  const ruleClass = CLASSES[operation];
  const posture = postures[ruleClass];
  if (posture === undefined) return { action: 'Allow', rule: undefined };
  const inForce = Object.values(CLASSES).filter((each) => postures[each] !== undefined);
  const place = [...new Set(inForce)].indexOf(ruleClass);
  return { action: posture === 'audit' ? 'Audit' : 'Block', rule: rules.length + place };
}

export function referenceMatches(match: Match, path: Buffer): boolean {
  const text = path.toString('latin1');
  switch (match.kind) {
    case 'exact': {
      const exact = latin1(match.path);
      return text === exact || text === `${exact}/`;
    }
    case 'directory': {
      const directory = latin1(match.directory);
      if (!text.startsWith(directory)) return false;
      const rest = text.slice(directory.length);
      return match.recursive || rest === '' || /^[^/]+\/?$/s.test(rest);
    }
    case 'pattern':
      return [text, ...(text.endsWith('/') ? [text.slice(0, -1)] : [])].some((candidate) =>
        matchesHere([...match.pattern], Buffer.from(candidate, 'latin1')),
      );
    default:
      throw new RangeError(`${match.kind} speaks of no path`);
  }
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** Whether the pattern, as characters, matches these bytes whole. */
function matchesHere(pattern: readonly string[], bytes: Buffer): boolean {
  const [first, ...rest] = pattern;
  switch (first) {
    case undefined:
      return bytes.length === 0;
    case '*': {
      const crossesSlash = rest[0] === '*';
      let after = rest;
      while (after[0] === '*') after = after.slice(1);
      for (let length = 0; length <= bytes.length; length++) {
        if (matchesHere(after, bytes.subarray(length))) return true;
        if (bytes[length] === 0x2f && !crossesSlash) return false;
      }
      return false;
    }
    case '?':
      return eatCharacter(bytes, rest, () => true);
    case '[': {
      const { contains, length } = readSet(rest);
      return eatCharacter(bytes, rest.slice(length), contains);
    }
    case '{': {
      const { branches, length } = readAlternatives(rest);
      // The empty character keeps a `*` that ends the branch apart from one that follows it.
      return branches.some((branch) => matchesHere([...branch, '', ...rest.slice(length)], bytes));
    }
    case '':
      return matchesHere(rest, bytes);
    default: {
      const literal = Buffer.from(first === '\\' ? rest[0]! : first);
      if (!bytes.subarray(0, literal.length).equals(literal)) return false;
      return matchesHere(first === '\\' ? rest.slice(1) : rest, bytes.subarray(literal.length));
    }
  }
}

function eatCharacter(bytes: Buffer, rest: readonly string[], accepts: (character: string) => boolean): boolean {
  for (let length = 1; length <= 4 && length <= bytes.length; length++) {
    const character = bytes.toString('utf8', 0, length);
    const isWhole = [...character].length === 1 && Buffer.from(character).equals(bytes.subarray(0, length));
    if (isWhole) return character !== '/' && accepts(character) && matchesHere(rest, bytes.subarray(length));
  }
  return false;
}

/** Reads a set after its bracket; `length` counts the closing bracket in. */
function readSet(text: readonly string[]): { contains: (character: string) => boolean; length: number } {
  let at = 0;
  const negated = text[0] === '!' || text[0] === '^';
  if (negated) at++;
  const tests: Array<(character: string) => boolean> = [];
  while (text[at] !== ']') {
    if (text[at] === '\\') at++;
    const low = text[at++]!;
    if (text[at] === '-' && text[at + 1] !== ']') {
      at++;
      if (text[at] === '\\') at++;
      const high = text[at++]!;
      tests.push((character) => low <= character && character <= high);
    } else {
      tests.push((character) => character === low);
    }
  }
  return { contains: (character) => tests.some((test) => test(character)) !== negated, length: at + 1 };
}

/** Reads alternatives after their brace; `length` counts the closing brace in. */
function readAlternatives(text: readonly string[]): { branches: string[][]; length: number } {
  const branches: string[][] = [[]];
  let depth = 0;
  for (let at = 0; ; at++) {
    const character = text[at]!;
    if (depth === 0 && character === '}') return { branches, length: at + 1 };
    if (depth === 0 && character === ',') {
      branches.push([]);
      continue;
    }
    branches.at(-1)!.push(character);
    if (character === '\\') branches.at(-1)!.push(text[++at]!);
    else if (character === '[') {
      const { length } = readSet(text.slice(at + 1));
      branches.at(-1)!.push(...text.slice(at + 1, at + 1 + length));
      at += length;
    } else if (character === '{') depth++;
    else if (character === '}') depth--;
  }
}
