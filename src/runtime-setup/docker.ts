import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { Failure } from '../failure.js';
import { fileChange } from './change.js';
import { type DockerRuntime, installedText, RUNTIME, readDockerConfig, uninstalledText } from './docker-config.js';
import { type DockerContainer, dockerContainers } from './docker-containers.js';
import { hookProgramChanges, programPath, readWhenUnanswered } from './hook-program.js';
import type { Host } from './host.js';
import { flagValue, processesNamed, processNamed, type RunningProcess } from './machine.js';
import type { Plan, RuntimeSetup, SetupOptions, SetupState, SetupStatus } from './setup.js';

const CONFIGURATION = '/etc/docker/daemon.json';
const DATA_ROOT = '/var/lib/docker';
const SOCKET = '/var/run/docker.sock';
const PID_FILES = ['/run/docker.pid', '/var/run/docker.pid'];
const ANSWER_MILLISECONDS = 3000;
const RELOAD =
  'in force after a restart of dockerd, or when it reads the file again: --reload, or kill -HUP of dockerd';

/** Information from the running dockerd. */
interface DockerInfo {
  readonly DefaultRuntime?: string;
  readonly Runtimes?: Readonly<Record<string, DockerRuntime>>;
  readonly DockerRootDir?: string;
}

/** Docker's containers, by a runtime of Docker's that registers each before its first instruction and is the default. */
export class DockerSetup implements RuntimeSetup {
  readonly name = 'docker' as const;
  readonly process: RunningProcess | undefined;
  readonly configuration: string;

  constructor(
    readonly host: Host,
    readonly options: SetupOptions,
    readonly socket = SOCKET,
  ) {
    this.process = host.isThisMachine ? runningDockerd(host) : undefined;
    this.configuration = options.configuration ?? this.#flag('--config-file') ?? CONFIGURATION;
  }

  get program(): string {
    return programPath(this.options.hookDirectory, 'hauberk-runtime');
  }

  isPresent(): boolean {
    return this.process !== undefined || this.host.exists(this.configuration) || this.host.exists(DATA_ROOT);
  }

  planInstall(): Plan {
    const { host, configuration } = this;
    this.#refuseFlags();
    const text = host.readText(configuration) ?? '';
    const changes = [
      ...hookProgramChanges(host, 'hauberk-runtime', this.options),
      fileChange(host, configuration, installedText(configuration, text, this.program), { keepsCopy: true }),
    ].filter((change) => change !== undefined);
    const others = this.#containers().filter(({ runtime }) => runtime !== RUNTIME);
    const notes =
      others.length > 0
        ? [
            `containers that keep the runtime they were made under, until they are removed and run again: ${others.length}`,
          ]
        : [];
    const isToBeRead = changes.length > 0 && !this.options.reload;
    return { changes, notes: [...(isToBeRead ? [RELOAD] : []), ...notes] };
  }

  planUninstall(): Plan {
    const { host, configuration } = this;
    const text = host.readText(configuration);
    if (text === undefined) return { changes: [], notes: [] };
    const named = this.#containers().filter(({ runtime }) => runtime === RUNTIME);
    const options = { isNamed: named.length > 0, namesDefault: this.options.reload === true };
    const { text: edited, keepsName } = uninstalledText(configuration, text, options);
    // dockerd can start without the usual file, but not without one that its command line names.
    const isEmpty = edited !== text && /^\s*\{\s*\}\s*$/u.test(edited);
    const isNamedByFlag = configuration !== CONFIGURATION || this.#flag('--config-file') !== undefined;
    const after = isEmpty && !isNamedByFlag ? undefined : edited;
    const change = fileChange(host, configuration, after, { keepsCopy: true });
    if (change === undefined) return { changes: [], notes: [] };
    const notes = [
      ...(this.options.reload ? [] : ['in force after a restart of dockerd, or with --reload']),
      `${this.program} stays: containers that run have been started by it`,
    ];
    if (keepsName)
      notes.push(
        `the name ${RUNTIME} stays for the real runtime as long as Docker has containers that were made under it (${named.length}); afterwards delete it from ${this.configuration}, or uninstall again`,
      );
    return { changes: [change], notes };
  }

  async status(): Promise<SetupStatus> {
    const { host, name: runtime, configuration } = this;
    const config = readDockerConfig(configuration, host.readText(configuration) ?? '');
    const isDefault = config.defaultRuntime === RUNTIME;
    const isOurs = config.runtimes[RUNTIME]?.path === this.program;
    const info = await this.#info();
    const uncovered = this.#containers(info?.DockerRootDir).filter((container) => container.runtime !== RUNTIME);
    const status = (state: SetupState, ...notes: string[]) => {
      const whenUnanswered = state === 'not-installed' ? undefined : readWhenUnanswered(host);
      return {
        runtime,
        state,
        configuration,
        whenUnanswered,
        notes,
        uncovered: state === 'not-installed' ? [] : uncovered,
      };
    };
    if (!isOurs && !isDefault) return status('not-installed');
    if (!isOurs) return status('incomplete', `the runtime ${RUNTIME} is not ${this.program}`);
    if (!isDefault)
      return status('incomplete', `default-runtime is ${config.defaultRuntime ?? 'runc'}, not ${RUNTIME}`);
    if (!host.exists(this.program)) return status('incomplete', `${this.program} is missing: no container can start`);
    if (!host.isThisMachine) return status('not-in-force-yet', 'judged by the files alone');
    if (info === undefined) return status('not-in-force-yet', `dockerd does not answer at ${this.socket}`);
    if (info.DefaultRuntime !== RUNTIME || info.Runtimes?.[RUNTIME]?.path !== this.program)
      return status('not-in-force-yet', `the running dockerd has ${info.DefaultRuntime} as its default; ${RELOAD}`);
    return status(uncovered.length > 0 ? 'partly' : 'in-force');
  }

  /** Makes dockerd reload its file; true if it then uses the settings of the file. */
  async reload(): Promise<boolean> {
    if (this.process === undefined)
      throw new Failure('unavailable', 'dockerd is not running, or its pid file is missing');
    process.kill(this.process.pid, 'SIGHUP');
    const wanted =
      readDockerConfig(this.configuration, this.host.readText(this.configuration) ?? '').defaultRuntime ?? 'runc';
    for (const end = Date.now() + ANSWER_MILLISECONDS; Date.now() < end; await delay(100)) {
      if ((await this.#info())?.DefaultRuntime === wanted) return true;
    }
    return false;
  }

  #flag(...names: string[]): string | undefined {
    return this.process && flagValue(this.process.parameters, ...names);
  }

  /** dockerd does not start with a setting both in its file and on its command line. */
  #refuseFlags(): void {
    const flag = ['--default-runtime', '--add-runtime'].find((name) => this.#flag(name) !== undefined);
    if (flag === undefined) return;
    throw new Failure(
      'failed-precondition',
      `dockerd runs with ${flag}, and would not start with the same in ${this.configuration}: move it there first`,
    );
  }

  #containers(rootDirectory?: string): DockerContainer[] {
    if (rootDirectory !== undefined) return dockerContainers(this.host, rootDirectory);
    const { dataRoot } = readDockerConfig(this.configuration, this.host.readText(this.configuration) ?? '');
    return dockerContainers(this.host, dataRoot ?? this.#flag('--data-root', '-g', '--graph') ?? DATA_ROOT);
  }

  async #info(): Promise<DockerInfo | undefined> {
    if (!this.host.isThisMachine) return undefined;
    try {
      return await new Docker({ socketPath: this.socket, timeout: ANSWER_MILLISECONDS }).info();
    } catch {
      return undefined;
    }
  }
}

function runningDockerd(host: Host): RunningProcess | undefined {
  const pids = PID_FILES.map((path) => Number(host.readText(path))).filter((pid) => pid > 0);
  const [named] = pids.map((pid) => processNamed(pid, 'dockerd')).filter((process) => process !== undefined);
  const all = named === undefined ? processesNamed('dockerd') : [named];
  return all.length === 1 ? all[0] : undefined;
}
