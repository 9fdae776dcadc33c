import { isDeepStrictEqual } from 'node:util';
import { Failure } from '../failure.js';
import { isObject } from '../json-shape.js';
import { parseJsonObject, place, setJsonMember } from './json-text.js';

/** The name of Docker's runtime that is Hauberk's. */
export const RUNTIME = 'hauberk';
const REAL_RUNTIME_FLAG = '--hauberk-real-runtime';
/** Names of the runtime that dockerd has without any configuration. */
const STOCK_RUNTIMES = ['runc', 'io.containerd.runc.v2'];

/** One without a path has a `runtimeType`, a shim of containerd. */
export interface DockerRuntime {
  readonly path?: string;
  readonly runtimeArgs?: readonly string[];
}

export interface DockerConfig {
  readonly defaultRuntime: string | undefined;
  readonly runtimes: Readonly<Record<string, DockerRuntime | undefined>>;
  readonly dataRoot: string | undefined;
}

export function readDockerConfig(path: string, text: string): DockerConfig {
  const config = parseJsonObject(path, text);
  const defaultRuntime = config['default-runtime'];
  const runtimes = config.runtimes ?? {};
  const dataRoot = config['data-root'] ?? config.graph;
  const fail = (key: string, description: string) =>
    new Failure('invalid-argument', `${whereIs(path, text, key)}: ${key} must be ${description}`);
  if (defaultRuntime !== undefined && typeof defaultRuntime !== 'string') throw fail('default-runtime', 'a text');
  if (!isObject(runtimes)) throw fail('runtimes', 'an object');
  if (dataRoot !== undefined && typeof dataRoot !== 'string') throw fail('data-root', 'a text');
  const checked = Object.entries(runtimes).map(([name, runtime]): [string, DockerRuntime] => {
    if (!isRuntime(runtime)) throw fail(name, 'an object, whose path is a text and runtimeArgs a list of texts');
    return [name, runtime];
  });
  return { defaultRuntime, runtimes: Object.fromEntries(checked), dataRoot };
}

function isRuntime(value: unknown): value is DockerRuntime {
  if (!isObject(value)) return false;
  const { path, runtimeArgs = [] } = value;
  const isPath = path === undefined || typeof path === 'string';
  return isPath && Array.isArray(runtimeArgs) && runtimeArgs.every((each) => typeof each === 'string');
}

/** The text with Hauberk's runtime, which starts the one that was the default, as the default. */
export function installedText(path: string, text: string, program: string): string {
  const config = readDockerConfig(path, text);
  const runtimeArgs = argumentsFor(path, text, config);
  const entry: DockerRuntime = { path: program, ...(runtimeArgs.length > 0 && { runtimeArgs }) };
  let edited = text;
  if (!isDeepStrictEqual(config.runtimes[RUNTIME], entry)) edited = setJsonMember(edited, ['runtimes', RUNTIME], entry);
  if (config.defaultRuntime !== RUNTIME) edited = setJsonMember(edited, ['default-runtime'], RUNTIME);
  return edited;
}

function argumentsFor(path: string, text: string, { defaultRuntime: name, runtimes }: DockerConfig): readonly string[] {
  if (name === RUNTIME) return runtimes[RUNTIME]?.runtimeArgs ?? [];
  // Empty if no default is written, so that `uninstall` writes none either.
  if (name === undefined) return [];
  if (STOCK_RUNTIMES.includes(name)) return [REAL_RUNTIME_FLAG, 'runc'];
  const entry = runtimes[name];
  const where = whereIs(path, text, 'default-runtime');
  if (entry?.path === undefined || entry.path === '')
    throw new Failure(
      'failed-precondition',
      `${where}: the default runtime ${name} is not one with a path in "runtimes": Hauberk's runtime can start only such a program`,
    );
  // dockerd puts these into a shell script without quotes.
  if (/\s/u.test(entry.path)) throw new Failure('failed-precondition', `${where}: the path of ${name} holds blanks`);
  return [REAL_RUNTIME_FLAG, entry.path, ...(entry.runtimeArgs ?? [])];
}

export interface UninstalledText {
  readonly text: string;
  /** Whether the runtime's name is kept, as a name of the real runtime. */
  readonly keepsName: boolean;
}

export interface UninstallOptions {
  /** Whether containers use the runtime's name, which is then kept for the real runtime. */
  readonly isNamed: boolean;
  /**
   * Whether the default is to be written even if it was not: a dockerd that reloads its file keeps the old default
   * otherwise.
   */
  readonly namesDefault: boolean;
}

/** The text without Hauberk's runtime. */
export function uninstalledText(path: string, text: string, options: UninstallOptions): UninstalledText {
  const { defaultRuntime, runtimes } = readDockerConfig(path, text);
  const entry = runtimes[RUNTIME];
  const real = realRuntime(entry);
  let edited = text;
  if (defaultRuntime === RUNTIME) {
    const name = nameOfReal(entry, runtimes) ?? (options.namesDefault ? 'runc' : undefined);
    edited = setJsonMember(edited, ['default-runtime'], name);
  }
  const keepsName = options.isNamed && (entry !== undefined || defaultRuntime === RUNTIME);
  if (keepsName) {
    if (!isDeepStrictEqual(entry, real)) edited = setJsonMember(edited, ['runtimes', RUNTIME], real);
  } else if (entry !== undefined) {
    const isOnly = Object.keys(runtimes).length === 1;
    edited = setJsonMember(edited, isOnly ? ['runtimes'] : ['runtimes', RUNTIME], undefined);
  }
  return { text: edited, keepsName };
}

/** The runtime that Hauberk's runtime starts, or that its name refers to after an uninstallation. */
function realRuntime(entry: DockerRuntime | undefined): DockerRuntime {
  if (entry !== undefined && !entry.path?.endsWith('/hauberk-runtime')) return entry;
  const parameters = entry?.runtimeArgs ?? [];
  const at = parameters.indexOf(REAL_RUNTIME_FLAG);
  if (at === -1) return { path: 'runc', ...(parameters.length > 0 && { runtimeArgs: parameters }) };
  const others = [...parameters.slice(0, at), ...parameters.slice(at + 2)];
  return { path: parameters[at + 1] ?? 'runc', ...(others.length > 0 && { runtimeArgs: others }) };
}

/** The name that was the default before: of the runtime with the same program and arguments. */
function nameOfReal(entry: DockerRuntime | undefined, runtimes: DockerConfig['runtimes']): string | undefined {
  if (!entry?.runtimeArgs?.includes(REAL_RUNTIME_FLAG)) return undefined;
  const real = realRuntime(entry);
  if (real.path === 'runc' && real.runtimeArgs === undefined) return 'runc';
  const same = ([name, other]: [string, DockerRuntime | undefined]) =>
    name !== RUNTIME &&
    other?.path === real.path &&
    isDeepStrictEqual(other?.runtimeArgs ?? [], real.runtimeArgs ?? []);
  return Object.entries(runtimes).find(same)?.[0];
}

function whereIs(path: string, text: string, key: string): string {
  return place(path, text, Math.max(text.indexOf(`"${key}"`), 0));
}
