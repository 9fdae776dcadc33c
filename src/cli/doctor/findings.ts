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

const NAMES_MAX = 5;

/** What needs fixing, a sentence each, with what to do. */
export function findingsOf({ root, securityModules, daemon, runtimes }: Examined): string[] {
  const modules = securityModules.split(',');
  const lacksModule = modules.length > 1 && !modules.includes('bpf');
  const parameter = `lsm=${securityModules},bpf`;
  const servesDocker = !('failed' in runtimes) && hasContainerdForDocker(runtimes, daemon);
  return [
    ...(lacksModule
      ? [`bpf is not among the active security modules: boot with ${parameter} (${bootAdvice(parameter, root)})`]
      : []),
    ...('failed' in daemon ? [daemon.failed] : findingsOfDaemon(daemon)),
    ...('failed' in runtimes
      ? []
      : runtimes
          .filter(({ state }) => state !== 'in-force')
          .filter(({ runtime, state }) => !(runtime === 'containerd' && state === 'not-installed' && servesDocker))
          .map(({ runtime, state }) => `${runtime}: its hook is ${HOOK_STATES[state]}: see hauberk runtime status`)),
  ];
}

/** Docker brings a containerd, which has no containers but Docker's. */
function hasContainerdForDocker(runtimes: readonly SetupStatus[], daemon: Examined['daemon']): boolean {
  const hasDocker = runtimes.some(({ runtime }) => runtime === 'docker');
  const sources = 'failed' in daemon ? [] : daemon.status.sources;
  return hasDocker && !sources.some(({ name, containers }) => name === 'containerd' && containers > 0);
}

function findingsOfDaemon({ status, containers, policies }: DaemonReport): string[] {
  const unprotected = containers.filter(({ protection }) => !protection.protected);
  const partly = containers.filter(({ protection }) => protection.leftOutPolicies.length > 0);
  const idle = policies.filter(({ reaches, scope }) => reaches === 0 && scope !== 'host');
  return [
    ...(status.enforcing ? [] : [`nothing is enforced: ${status.reason}`]),
    ...(status.version === VERSION ? [] : [`hauberkd is version ${status.version}, this command is ${VERSION}`]),
    ...(status.kernelTested ? [] : [`kernel ${status.kernelRelease} is of a series that was not tested`]),
    ...listed('containers that are not protected', unprotected),
    ...listed('containers in which policies are left out', partly),
    ...listed('policies that reach no container', idle),
    ...(status.missingHooks.length > 0
      ? [`hooks that the kernel lacks: ${status.missingHooks.map(({ hook }) => hook).join(', ')}`]
      : []),
    ...status.warnings,
  ];
}

function listed(what: string, things: readonly { readonly name: string }[]): string[] {
  if (things.length === 0) return [];
  const more = things.length > NAMES_MAX ? ` and ${things.length - NAMES_MAX} more` : '';
  const names = things.slice(0, NAMES_MAX).map(({ name }) => name);
  return [`${what}: ${names.join(', ')}${more}`];
}
