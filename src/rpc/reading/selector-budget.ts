import type { PolicyInput } from '../../control/policy-plan.js';
import { Failure } from '../../failure.js';
import { policyKey } from '../../policy/model.js';
import { costOf } from '../../policy/selector-labels.js';

/** The most characters in one request's selectors that have to be evaluated for each container. */
const EXPRESSIONS_MAX = 4096;
const LISTS_MAX = 256 * 1024;
/** Labels, and values of expressions, of one policy: all are compared with those of each container. */
const LABELS_MAX = 1000;

/**
 * Each container is compared with all expressions and lists of names of a request, so these are bounded together.
 *
 * @throws Failure resource-exhausted
 */
export function checkSelectors(inputs: readonly PolicyInput[]): void {
  let expressions = 0;
  let lists = 0;
  for (const { policy } of inputs) {
    let labels = 0;
    for (const [key, value] of labelsIn(policy)) {
      labels++;
      const { expression, list } = costOf(key, value);
      expressions += expression;
      lists += list;
    }
    if (labels > LABELS_MAX) {
      const message = `the selector of policy ${policyKey(policy)} names ${labels} labels, at most ${LABELS_MAX} are accepted`;
      throw new Failure('resource-exhausted', message);
    }
  }
  check('regular expressions', expressions, EXPRESSIONS_MAX);
  check('lists', lists, LISTS_MAX);
}

function* labelsIn({ matchLabels, matchExpressions = [] }: PolicyInput['policy']): Generator<[string, string]> {
  yield* Object.entries(matchLabels);
  for (const { key, values } of matchExpressions) {
    if (key === 'namespace') continue;
    for (const value of values) yield [value.slice(0, value.indexOf('=')), value.slice(value.indexOf('=') + 1)];
  }
}

function check(what: string, length: number, most: number): void {
  if (length <= most) return;
  const message = `${what} of names in selectors come to ${length} characters, at most ${most} are accepted in one request`;
  throw new Failure('resource-exhausted', message);
}
