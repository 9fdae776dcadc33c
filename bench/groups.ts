import type { Group } from './figures.js';
import { applyGroup } from './groups/apply.js';
import { compileGroup } from './groups/compile.js';
import { eventsGroup } from './groups/events.js';
import { hookGroup } from './groups/hook.js';
import { hostileGroup } from './groups/hostile.js';
import { languageGroup } from './groups/language.js';
import { matchGroup } from './groups/match.js';
import { pathGroup } from './groups/path.js';
import { registerGroup } from './groups/register.js';
import { streamsGroup } from './groups/streams.js';
import { VirtualMachineGroup } from './groups/virtual-machine.js';

export const virtualMachine = new VirtualMachineGroup();

/** In the order in which they run. */
export const GROUPS: readonly Group[] = [
  matchGroup,
  pathGroup,
  compileGroup,
  languageGroup,
  applyGroup,
  registerGroup,
  hookGroup,
  hostileGroup,
  eventsGroup,
  streamsGroup,
  virtualMachine,
];
