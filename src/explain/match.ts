import type { BoundRule, Rule } from '../policy/model.js';
import type { AccessObject } from './access.js';
import { readingOf } from './kinds/kinds.js';
import { latin1 } from './kinds/part.js';

/** Whether a rule covers an object, for one rule at a time and without any code from src/image. */
export function coversObject({ match, action }: Rule, object: AccessObject): boolean {
  return readingOf(match).covers(match, object, action);
}

/** Whether the program is one of those that a rule is limited to. */
export function isSource({ rule }: BoundRule, program: Uint8Array): boolean {
  const path = latin1(program);
  return (
    rule.sources.length === 0 ||
    rule.sources.map(latin1).some((source) => {
      if (source.endsWith('/**')) return path.startsWith(source.slice(0, -2));
      if (!source.endsWith('/')) return path === source;
      return path.startsWith(source) && !path.slice(source.length).replace(/\/$/u, '').includes('/');
    })
  );
}
