import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { Failure } from '../failure.js';
import { containerdDefaultSpec, type OciHook, withHook, withoutDefaultLimits } from './base-spec.js';
import { type FileChange, fileChange } from './change.js';
import {
  type ContainerdConfig,
  configuresCri,
  disabledCri,
  isOwnSpec,
  NRI_TABLE,
  OWN_SPEC,
  readContainerdConfig,
} from './containerd-config.js';
import { containerdStatus } from './containerd-status.js';
import { hookProgramChanges, programPath } from './hook-program.js';
import { filesMatching, type Host } from './host.js';
import { parseJsonObject } from './json-text.js';
import { flagValue, processesNamed, type RunningProcess } from './machine.js';
import type { Plan, RuntimeSetup, SetupOptions, SetupStatus } from './setup.js';
import { parseToml, replaceTomlValue, revertToml, setTomlValues } from './toml-text.js';

const CONFIGURATION = '/etc/containerd/config.toml';
const NO_CRI =
  "the CRI plugin is disabled, so that Kubernetes does not use this containerd; for Docker's containers: hauberk runtime install docker";
const RESTART =
  'containerd reads this when it starts: it is in force after a restart of containerd (running containers continue)';

/** The containers that containerd makes for Kubernetes, by base_runtime_spec, which holds the hook. */
export class ContainerdSetup implements RuntimeSetup {
  readonly name = 'containerd' as const;
  readonly process: RunningProcess | undefined;
  readonly configuration: string;

  constructor(
    readonly host: Host,
    readonly options: SetupOptions,
  ) {
    this.process = host.isThisMachine ? runningContainerd() : undefined;
    const flag = this.process && flagValue(this.process.parameters, '--config', '-c');
    this.configuration = options.configuration ?? flag ?? CONFIGURATION;
  }

  get hook(): OciHook {
    const path = programPath(this.options.hookDirectory, 'hauberk-hook');
    return { path, args: ['hauberk-hook', '--runtime', 'containerd'] };
  }

  isPresent(): boolean {
    const text = this.host.readText(this.configuration);
    if (text === undefined) return this.process !== undefined;
    return disabledCri(this.configuration, text) === undefined;
  }

  planInstall(): Plan {
    const { host, configuration, options } = this;
    refuseGenerated(configuration);
    const text = host.readText(configuration) ?? `version = ${this.#fileVersion()} # hauberk: added\n`;
    const disabled = disabledCri(configuration, text);
    if (disabled !== undefined) throw new Failure('failed-precondition', `${disabled}: ${NO_CRI}`);
    const config = readContainerdConfig(configuration, text);
    this.#refuseOverridden(config);
    let edited = text;
    for (const { table, isThere, formerSpec } of config.runtimes) {
      const type = isThere ? {} : { runtime_type: 'io.containerd.runc.v2' };
      edited = setTomlValues(configuration, edited, table, { ...type, base_runtime_spec: ownSpecPath(formerSpec) });
    }
    if (options.nri) edited = setTomlValues(configuration, edited, NRI_TABLE, { disable: false });
    const formerSpecs = new Set(config.runtimes.map(({ formerSpec }) => formerSpec));
    const changes = [
      ...hookProgramChanges(host, 'hauberk-hook', options),
      ...[...formerSpecs].map((former) => fileChange(host, ownSpecPath(former), this.ownSpecText(former))),
      fileChange(host, configuration, edited, { keepsCopy: true }),
    ].filter((change) => change !== undefined);
    return { changes, notes: [...(changes.length > 0 ? [RESTART] : []), ...this.#installNotes(config)] };
  }

  /** The specification with the hook: containerd's own, or the one that the file named before. */
  ownSpecText(formerSpec: string): string {
    const path = formerSpec || (this.options.baseSpec ?? 'ctr oci spec');
    const spec = formerSpec === '' ? withoutDefaultLimits(path, this.#defaultSpec()) : this.#readSpec(formerSpec);
    return `${JSON.stringify(withHook(path, spec, this.hook), undefined, 2)}\n`;
  }

  planUninstall(): Plan {
    const { host, configuration } = this;
    const text = host.readText(configuration);
    if (text === undefined) return { changes: [], notes: [] };
    parseToml(configuration, text);
    const isOurs = (key: string, value: unknown) => key !== 'base_runtime_spec' || isOwnSpec(value);
    let reverted = revertToml(text, isOurs);
    // If the comments have been lost, the value still shows it.
    if (reverted.includes(OWN_SPEC)) {
      for (const { table, spec } of readContainerdConfig(configuration, reverted).runtimes)
        if (isOwnSpec(spec)) reverted = replaceTomlValue(reverted, table, 'base_runtime_spec', '');
    }
    const wasMadeHere = reverted.trim() === '' && text.trim() !== '';
    const specs = filesMatching(host, dirname(OWN_SPEC), `${OWN_SPEC}*.json`);
    const changes: FileChange[] = [
      fileChange(host, configuration, wasMadeHere ? undefined : reverted, { keepsCopy: !wasMadeHere }),
      ...specs.map((path) => fileChange(host, path, undefined)),
    ].filter((change) => change !== undefined);
    const program = programPath(this.options.hookDirectory, 'hauberk-hook');
    const notes = [RESTART, `${program} stays: until then containerd starts it with every container`];
    return { changes, notes: changes.length > 0 ? notes : [] };
  }

  status(): Promise<SetupStatus> {
    return containerdStatus(this);
  }

  #fileVersion(): number {
    if (!this.host.isThisMachine) return 2;
    const { stdout } = spawnSync('containerd', ['--version'], { encoding: 'utf8' });
    const major = Number(/ v?(\d+)\.\d+\.\d+/u.exec(stdout ?? '')?.[1] ?? 1);
    return major >= 2 ? 3 : 2;
  }

  #defaultSpec() {
    const { host, options } = this;
    if (options.baseSpec !== undefined) return this.#readSpec(options.baseSpec);
    // Elsewhere the version of containerd that runs is not known: what was installed stays.
    if (!host.isThisMachine && host.exists(ownSpecPath(''))) return this.#readSpec(ownSpecPath(''));
    return containerdDefaultSpec(host);
  }

  #readSpec(path: string) {
    const text = this.host.readText(path);
    if (text === undefined) throw new Failure('failed-precondition', `${path}, a base_runtime_spec, is not there`);
    return parseJsonObject(path, text);
  }

  #refuseOverridden({ imports }: ContainerdConfig): void {
    const { host, configuration } = this;
    for (const path of imports.flatMap((pattern) => filesMatching(host, dirname(configuration), pattern))) {
      if (!configuresCri(path, host.readText(path) ?? '')) continue;
      const message = `${configuration} imports ${path}, which configures the CRI plugin in its place; name that file with --config`;
      throw new Failure('failed-precondition', message);
    }
  }

  #installNotes({ others }: ContainerdConfig): string[] {
    const notes = ['containers by "ctr run" and nerdctl do not start from this specification: they are not covered'];
    if (others.length > 0) notes.push(`not covered, since they are not runc's kind: runtimes ${others.join(', ')}`);
    return notes;
  }
}

/** Where Hauberk's copy of a base specification lies; of containerd's own default for the empty text. */
export function ownSpecPath(formerSpec: string): string {
  return formerSpec === '' ? `${OWN_SPEC}.json` : `${OWN_SPEC}${formerSpec.replaceAll('/', '-')}`;
}

/** Docker may run a containerd of its own, which does not serve CRI. */
function runningContainerd(): RunningProcess | undefined {
  const candidates = processesNamed('containerd').filter(
    ({ parameters }) => !flagValue(parameters, '--config', '-c')?.includes('/docker/containerd/'),
  );
  return candidates.length === 1
    ? candidates[0]
    : candidates.find(({ parameters }) => !flagValue(parameters, '--config', '-c'));
}

function refuseGenerated(configuration: string): void {
  if (!/^\/var\/lib\/rancher\/.*\.toml$/u.test(configuration)) return;
  const message = `${configuration} is written again at every start of k3s; set base_runtime_spec in config.toml.tmpl beside it`;
  throw new Failure('failed-precondition', message);
}
