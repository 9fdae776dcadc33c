import { bootAdvice } from '../../kernel/boot-advice.js';
import type { SetupState, SetupStatus } from '../../runtime-setup/setup.js';
import { VERSION } from '../../version.js';
import type { DaemonReport } from './query-daemon.js';

export interface Examined {
  readonly root: string;
  readonly securityModules: string;
  /** Or why the daemon could not be asked. */
  readonly daemon: DaemonReport | { readonly failed: string };
  readonly runtimes: readonly SetupStatus[] | { readonly failed: string };
}

const HOOK_STATES: Readonly<Record<SetupState, string>> = {
  'in-force': 'in force',
  partly: 'in force, but some containers were created without it',
  'not-in-force-yet': 'not in force yet',
  incomplete: 'not completely installed',
  'not-installed': 'not installed',
};

/** What needs fixing, a sentence each, with what to do. */
export function findingsOf({ root, securityModules, daemon, runtimes }: Examined): string[] {
  const modules = securityModules.split(',');
  const lacksModule = modules.length > 1 && !modules.includes('bpf');
  const parameter = `lsm=${securityModules},bpf`;
  return [
    ...(lacksModule
      ? [`bpf is not among the active security modules: boot with ${parameter} (${bootAdvice(parameter, root)})`]
      : []),
    ...('failed' in daemon ? [daemon.failed] : findingsOfDaemon(daemon)),
    ...('failed' in runtimes
      ? []
      : runtimes
          .filter(({ state }) => state !== 'in-force')
          .map(({ runtime, state }) => `${runtime}: its hook is ${HOOK_STATES[state]}: see hauberk runtime status`)),
  ];
}

function findingsOfDaemon({ status, containers, policies }: DaemonReport): string[] {
  const unprotected = containers.filter(({ protection }) => !protection.protected);
  const partly = containers.filter(({ protection }) => protection.leftOutPolicies.length > 0);
  const idle = policies.filter(({ reaches, scope }) => reaches === 0 && scope !== 'host');
  const namesOf = (what: readonly { readonly name: string }[]) =>
    what
      .slice(0, 5)
      .map(({ name }) => name)
      .join(', ');
  return [
    ...(status.enforcing ? [] : [`nothing is enforced: ${status.reason}`]),
    ...(status.version === VERSION ? [] : [`hauberkd is version ${status.version}, this command is ${VERSION}`]),
    ...(status.kernelTested ? [] : [`kernel ${status.kernelRelease} is of a series that was not tested`]),
    ...(unprotected.length > 0 ? [`${unprotected.length} containers are not protected: ${namesOf(unprotected)}`] : []),
    ...(partly.length > 0 ? [`policies are left out in ${partly.length} containers: ${namesOf(partly)}`] : []),
    ...(idle.length > 0 ? [`${idle.length} policies reach no container: ${namesOf(idle)}`] : []),
    ...(status.missingHooks.length > 0
      ? [
          `the kernel lacks ${status.missingHooks.length} hooks: ${status.missingHooks.map(({ hook }) => hook).join(', ')}`,
        ]
      : []),
    ...status.warnings,
  ];
}
