import { Failure } from '../failure.js';
import { type FileChange, fileChange } from './change.js';
import { hookProgramChanges, programPath, readWhenUnanswered } from './hook-program.js';
import { filesMatching, type Host } from './host.js';
import type { Plan, RuntimeName, RuntimeSetup, SetupOptions, SetupState, SetupStatus } from './setup.js';
import { parseToml, tableAt } from './toml-text.js';

/** A runtime that adds the hooks of the files in its hook directories to every container (oci-hooks(5)). */
export interface HooksRuntime {
  readonly name: Extract<RuntimeName, 'crio' | 'podman'>;
  /** Its configuration files, in the order that they are read in; a later one wins. */
  readonly configurations: readonly string[];
  /** Where further files may be; they are read after those, by name. */
  readonly dropIns: { readonly directory: string; readonly pattern: string };
  /** The table that `hooks_dir` is in. */
  readonly table: readonly string[];
  readonly defaultDirectories: readonly string[];
  /** The directory for Hauberk's hook: one that no other runtime reads, since the hook is told its runtime there. */
  readonly directory: string;
  readonly inForce: string;
  /** Whether it reads its configuration at each start of a container. */
  readonly readsAlways: boolean;
  readonly notes: readonly string[];
}

const DROP_IN = '99-hauberk.conf';
const HOOK = 'hauberk.json';

interface Setting {
  readonly path: string;
  readonly directories: readonly string[];
}

export class HooksDirectorySetup implements RuntimeSetup {
  readonly name: HooksRuntime['name'];

  constructor(
    readonly runtime: HooksRuntime,
    readonly host: Host,
    readonly options: SetupOptions,
    readonly started: () => number | undefined,
  ) {
    this.name = runtime.name;
  }

  get dropIn(): string {
    return `${this.runtime.dropIns.directory}/${DROP_IN}`;
  }

  get hookFile(): string {
    return `${this.runtime.directory}/${HOOK}`;
  }

  isPresent(): boolean {
    const { configurations, dropIns } = this.runtime;
    return [...configurations, dropIns.directory].some((path) => this.host.exists(path));
  }

  planInstall(): Plan {
    const { host, runtime } = this;
    const later = this.#settings().find(({ path }) => path > this.dropIn && path.startsWith(runtime.dropIns.directory));
    if (later !== undefined && !later.directories.includes(runtime.directory))
      throw new Failure(
        'failed-precondition',
        `${later.path} is read after ${DROP_IN} and sets hooks_dir: add ${runtime.directory} there`,
      );
    const changes = [
      ...hookProgramChanges(host, 'hauberk-hook', this.options),
      fileChange(host, this.hookFile, this.#hookText()),
      fileChange(host, this.dropIn, this.#dropInText()),
    ].filter((change) => change !== undefined);
    return { changes, notes: [...(changes.length > 0 ? [runtime.inForce] : []), ...runtime.notes] };
  }

  planUninstall(): Plan {
    const { host } = this;
    const changes = [this.dropIn, this.hookFile]
      .map((path) => fileChange(host, path, undefined))
      .filter((change): change is FileChange => change !== undefined);
    const program = programPath(this.options.hookDirectory, 'hauberk-hook');
    return {
      changes,
      notes: changes.length > 0 ? [this.runtime.inForce, `${program} stays, for whoever still starts it`] : [],
    };
  }

  async status(): Promise<SetupStatus> {
    const { state, notes } = this.#judge();
    const whenUnanswered = state === 'not-installed' ? undefined : readWhenUnanswered(this.host);
    return { runtime: this.name, state, configuration: this.hookFile, whenUnanswered, notes, uncovered: [] };
  }

  #judge(): { state: SetupState; notes: string[] } {
    const { host, runtime, hookFile, dropIn } = this;
    const hook = host.readText(hookFile);
    if (hook === undefined) return { state: 'not-installed', notes: [] };
    const program = programPath(this.options.hookDirectory, 'hauberk-hook');
    if (!hook.includes(`"${program}"`)) return { state: 'incomplete', notes: [`${hookFile} does not name ${program}`] };
    if (!host.exists(program)) return { state: 'incomplete', notes: [`${program} is missing: no container can start`] };
    const directories = this.#directories(this.#settings());
    if (!directories.includes(runtime.directory))
      return {
        state: 'incomplete',
        notes: [`${this.name} does not read ${runtime.directory}: hooks_dir is ${directories.join(', ')}`],
      };
    if (runtime.readsAlways) return { state: 'in-force', notes: [] };
    if (!host.isThisMachine) return { state: 'not-in-force-yet', notes: ['judged by the files alone'] };
    const started = this.started();
    if (started === undefined) return { state: 'not-in-force-yet', notes: [`${this.name} is not running`] };
    const isNewer = (host.modified(dropIn) ?? 0) > started;
    return isNewer ? { state: 'not-in-force-yet', notes: [runtime.inForce] } : { state: 'in-force', notes: [] };
  }

  #hookText(): string {
    const path = programPath(this.options.hookDirectory, 'hauberk-hook');
    const hook = { path, args: ['hauberk-hook', '--runtime', this.name] };
    const file = { version: '1.0.0', hook, when: { always: true }, stages: ['createRuntime'] };
    return `${JSON.stringify(file, undefined, 2)}\n`;
  }

  /** Undefined where the directory is read without it. */
  #dropInText(): string | undefined {
    const { runtime, dropIn } = this;
    const directories = this.#directories(this.#settings().filter(({ path }) => path !== dropIn));
    if (directories.includes(runtime.directory)) return undefined;
    const list = [...directories, runtime.directory].map((directory) => JSON.stringify(directory)).join(', ');
    return `# Written by "hauberk runtime install ${this.name}": the directories of before, and one with Hauberk's hook.
[${runtime.table.join('.')}]
hooks_dir = [${list}]
`;
  }

  #directories(settings: readonly Setting[]): readonly string[] {
    return settings.at(-1)?.directories ?? this.runtime.defaultDirectories;
  }

  /** Every setting of the directories, the one that wins last. */
  #settings(): Setting[] {
    const { host, runtime } = this;
    const { directory, pattern } = runtime.dropIns;
    const settings: Setting[] = [];
    for (const path of [...runtime.configurations, ...filesMatching(host, directory, pattern)]) {
      const text = host.readText(path);
      const value = text === undefined ? undefined : tableAt(parseToml(path, text), runtime.table)?.hooks_dir;
      if (!Array.isArray(value)) continue;
      const own = value.filter((each) => typeof each === 'string');
      // podman's mark for a list that is added to what came before.
      const adds = value.some((each) => tableAt(each, [])?.append === true);
      settings.push({ path, directories: adds ? [...this.#directories(settings), ...own] : own });
    }
    return settings;
  }
}
