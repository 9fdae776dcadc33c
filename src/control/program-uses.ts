import type { Access } from '../explain/access.js';
import { type Explanation, explainInSteps } from '../explain/evaluate.js';
import type { Operation } from '../policy/effect.js';
import type { BoundRule, Postures } from '../policy/model.js';
import { finishInTimeSlices } from '../time-slices.js';

/** What a program that must not run is kept from as well. */
const USES: readonly Operation[] = ['map', 'link', 'rename'];

/** What a process rule that blocks a program says of its being mapped, linked or renamed; undefined where none does. */
export async function explainProgramUse(
  rules: readonly BoundRule[],
  postures: Postures,
  access: Access,
): Promise<Explanation | undefined> {
  if (access.object.kind !== 'path' || !USES.includes(access.operation)) return undefined;
  const { path } = access.object;
  const execution: Access = { ...access, operation: 'execute', object: { kind: 'path', path } };
  const running = await finishInTimeSlices(explainInSteps(rules, postures, execution));
  const { action, decider } = running;
  return action === 'Block' && decider !== undefined && !('postureOf' in decider) ? running : undefined;
}
