import type { AccessMemory } from '../../src/profile/access-memory.js';
import { accessKey, type ObservedAccess } from '../../src/profile/observed-access.js';

/** Puts an access that no record reported into the memory. */
export function remember(memory: AccessMemory, containerId: string, access: ObservedAccess): void {
  memory.add(`${containerId}\0${accessKey(access)}`, containerId, access);
}
