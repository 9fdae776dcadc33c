import type { Access } from '../explain/access.js';
import { type Explanation, explainInSteps } from '../explain/evaluate.js';
import { compileInSteps } from '../image/compile.js';
import { guard } from '../image/walk.js';
import type { Operation } from '../policy/effect.js';
import type { Postures } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { finishInTimeSlices } from '../time-slices.js';

const SLASH = Buffer.from('/');
/** What may be done to a file under a new name. */
const MOVED: readonly Operation[] = ['read', 'write', 'delete', 'attributes', 'map'];
const STRENGTH = ['Allow', 'Audit', 'Block'];

/** A path that is to have another name, or a second one. */
export type Renaming = Access & { readonly object: { readonly kind: 'path'; readonly newPath: Uint8Array } };

export function isRenaming(access: Access): access is Renaming {
  return access.object.kind === 'path' && access.object.newPath !== undefined;
}

/**
 * The decision on giving something a new name: the strongest of the decisions on both names, and on what changes below
 * it. A file that gets another name counts as read, written to, deleted, changed in its attributes and mapped as well,
 * since under the new name all of it may be done. What changes below a directory, or by a link, is read off the image,
 * as the kernel does.
 */
export async function explainRenaming(ruleSet: RuleSet, postures: Postures, access: Renaming): Promise<Explanation> {
  const { path, newPath } = access.object;
  const { rules } = ruleSet;
  const moving: readonly Operation[] = isDirectory(path) || access.operation === 'link' ? [] : MOVED;
  const questions = [
    ...[access.operation, ...moving].map((operation) => ({ operation, path })),
    ...[access.operation, 'create' as const].map((operation) => ({ operation, path: newPath })),
  ];
  const answers: Explanation[] = [];
  for (const { operation, path: target } of questions) {
    const question: Access = { ...access, operation, object: { kind: 'path', path: target } };
    answers.push(await finishInTimeSlices(explainInSteps(rules, postures, question)));
  }
  if (access.operation === 'link' || isDirectory(path)) answers.push(await explainGuard(ruleSet, path, newPath));
  return answers.reduce((strongest, each) =>
    STRENGTH.indexOf(each.action) > STRENGTH.indexOf(strongest.action) ? each : strongest,
  );
}

async function explainGuard(ruleSet: RuleSet, path: Uint8Array, newPath: Uint8Array): Promise<Explanation> {
  const image = await finishInTimeSlices(compileInSteps(ruleSet));
  const { action, rule } = guard(image.words, asDirectory(path), asDirectory(newPath));
  const deciding = rule === undefined ? undefined : image.rules[rule];
  if (deciding === undefined) return { action, wouldBlock: false, decider: undefined, losers: [] };
  const { mode = 'enforce' } = 'policy' in deciding ? deciding.policy : deciding;
  return {
    action,
    wouldBlock:
      action === 'Audit' &&
      mode === 'audit' &&
      ('policy' in deciding ? deciding.rule.action !== 'Audit' : deciding.posture === 'block'),
    decider: 'policy' in deciding ? deciding : { postureOf: deciding.class, mode: deciding.mode },
    losers: [],
  };
}

function isDirectory(path: Uint8Array): boolean {
  return path.at(-1) === SLASH[0];
}

function asDirectory(path: Uint8Array): Uint8Array {
  return isDirectory(path) ? path : Buffer.concat([path, SLASH]);
}
