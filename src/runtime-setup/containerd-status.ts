import { Failure } from '../failure.js';
import type { ContainerdSetup } from './containerd.js';
import { type ContainerdConfig, isOwnSpec, nriSocketIn, readContainerdConfig } from './containerd-config.js';
import { baseSpecsInForce } from './cri-status.js';
import { readWhenUnanswered } from './hook-program.js';
import type { SetupState, SetupStatus } from './setup.js';

interface Judgement {
  readonly state: SetupState;
  readonly notes: readonly string[];
}

export async function containerdStatus(setup: ContainerdSetup): Promise<SetupStatus> {
  const { host, configuration } = setup;
  const { state, notes } = await judge(setup);
  const whenUnanswered = state === 'not-installed' ? undefined : readWhenUnanswered(host);
  return { runtime: setup.name, state, configuration, whenUnanswered, notes, uncovered: [] };
}

async function judge(setup: ContainerdSetup): Promise<Judgement> {
  const { host, configuration, process } = setup;
  const text = host.readText(configuration);
  if (text === undefined) return { state: 'not-installed', notes: [] };
  const config = readable(configuration, text);
  if (config instanceof Failure) return { state: 'not-installed', notes: [config.message] };
  const { runtimes, address } = config;
  const own = runtimes.filter(({ spec }) => isOwnSpec(spec));
  if (own.length === 0) return { state: 'not-installed', notes: [] };
  const faults = runtimes
    .filter(({ spec }) => !isOwnSpec(spec))
    .map(({ name }) => `runtime ${name} has no base_runtime_spec with the hook`);
  const specs = [...new Set(own.map(({ spec }) => spec))];
  for (const spec of specs) {
    if (!host.readText(spec)?.includes(setup.hook.path)) faults.push(`${spec} is missing or does not hold the hook`);
  }
  if (!host.exists(setup.hook.path)) faults.push(`${setup.hook.path} is missing: no container can start`);
  if (faults.length > 0) return { state: 'incomplete', notes: faults };
  const notes = own
    .filter(({ spec, formerSpec }) => formerSpec !== '' && isStale(setup, spec, formerSpec))
    .map(({ formerSpec }) => `${formerSpec} has changed since: install once more`);
  if (!host.isThisMachine) return { state: 'not-in-force-yet', notes: ['judged by the files alone', ...notes] };
  if (process === undefined) return { state: 'not-in-force-yet', notes: ['containerd is not running', ...notes] };
  const isNewer = (path: string) => (host.modified(path) ?? 0) > process.started;
  const loaded = await baseSpecsInForce(address);
  const isLoaded =
    loaded === undefined ? !isNewer(configuration) : own.every(({ name, spec }) => loaded.get(name) === spec);
  if (loaded === undefined)
    notes.push(`${address} does not report the configuration in force: judged by the files' times`);
  const nriSocket = nriSocketIn(configuration, text);
  const isNriMissing = nriSocket !== undefined && !host.exists(nriSocket);
  const isNriPending = isNriMissing && isNewer(configuration);
  if (isNriPending) notes.unshift('NRI is in force after a restart of containerd (1.7 or later)');
  else if (isNriMissing)
    notes.unshift('this containerd serves no NRI, which its configuration switches on: 1.7 and later do');
  if (!isLoaded || specs.some(isNewer)) notes.unshift('in force after a restart of containerd');
  else if (!isNriPending) return { state: 'in-force', notes };
  return { state: 'not-in-force-yet', notes };
}

/** Nothing can be installed in a file of a version that install refuses. */
function readable(path: string, text: string): ContainerdConfig | Failure {
  try {
    return readContainerdConfig(path, text);
  } catch (error) {
    if (error instanceof Failure && error.code === 'failed-precondition') return error;
    throw error;
  }
}

/** Whether the file from which a copy with the hook was made has changed or is gone. */
function isStale(setup: ContainerdSetup, spec: string, formerSpec: string): boolean {
  try {
    return setup.host.readText(spec) !== setup.ownSpecText(formerSpec);
  } catch (error) {
    if (error instanceof Failure) return true;
    throw error;
  }
}
