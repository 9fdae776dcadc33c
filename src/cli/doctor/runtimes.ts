import { BUILT_HOOK, HOOK_DIRECTORY } from '../../runtime-setup/hook-program.js';
import { Host } from '../../runtime-setup/host.js';
import { RUNTIMES, type SetupStatus } from '../../runtime-setup/setup.js';
import { setupOf } from '../../runtime-setup/setup-of.js';

/** How the hook is set up in the container runtimes that seem to be there. */
export async function examineRuntimes(root: string): Promise<SetupStatus[]> {
  const options = { hookSource: BUILT_HOOK, hookDirectory: HOOK_DIRECTORY };
  const setups = RUNTIMES.map((name) => setupOf(name, new Host(root), options));
  return Promise.all(setups.filter((setup) => setup.isPresent()).map((setup) => setup.status()));
}
