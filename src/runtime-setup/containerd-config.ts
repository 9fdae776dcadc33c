import { Failure } from '../failure.js';
import { place } from './json-text.js';
import { formerValue, parseToml, tableAt } from './toml-text.js';

/** Where containerd's CRI plugin has its runtimes, by the version of the file. */
const CRI_PLUGINS: ReadonlyMap<unknown, string> = new Map([
  [2n, 'io.containerd.grpc.v1.cri'],
  [3n, 'io.containerd.cri.v1.runtime'],
]);
const RUNC_TYPES = /^io\.containerd\.(runc\.|runtime\.v1\.linux$)/u;
/**
 * Tables that configured a runtime before `runtimes` existed, and the names of runtimes that containerd 1 reads from
 * them.
 */
const FORMER_TABLES = { default_runtime: 'default', untrusted_workload_runtime: 'untrusted' };
export const NRI_TABLE = ['plugins', 'io.containerd.nri.v1.nri'];
const NRI_SOCKET = '/var/run/nri/nri.sock';
export const OWN_SPEC = '/etc/containerd/hauberk-base-spec';

/** A table of the file that configures one runtime of the CRI plugin. */
export interface CriRuntime {
  readonly name: string;
  readonly table: readonly string[];
  readonly isThere: boolean;
  /** Its base_runtime_spec now. */
  readonly spec: string;
  /** Its value before Hauberk's own, empty if none was set. */
  readonly formerSpec: string;
}

export interface ContainerdConfig {
  readonly runtimes: readonly CriRuntime[];
  /** Runtimes that are not runc's kind, such as virtual machines. */
  readonly others: readonly string[];
  readonly address: string;
  readonly imports: readonly string[];
}

export function isOwnSpec(path: unknown): path is string {
  return typeof path === 'string' && path.startsWith(OWN_SPEC);
}

/** What the file says about the runtimes that start Kubernetes' containers. */
export function readContainerdConfig(path: string, text: string): ContainerdConfig {
  const config = parseToml(path, text);
  const plugin = CRI_PLUGINS.get(config.version);
  if (plugin === undefined) {
    const version = config.version === undefined ? 'has no version, which means 1' : `has version ${config.version}`;
    const advice = 'containerd of today reads 2 and 3: write it again with "containerd config migrate"';
    throw new Failure('failed-precondition', `${path} ${version}; ${advice}`);
  }
  const parent = ['plugins', plugin, 'containerd'];
  const containerd = tableAt(config, parent) ?? {};
  const named = Object.entries(tableAt(containerd, ['runtimes']) ?? {});
  const former = Object.entries(FORMER_TABLES).filter(([key]) => isUsed(containerd[key]));
  const tables = [
    ...named.map(([name, value]) => ({ name, value, table: [...parent, 'runtimes', name] })),
    ...former.map(([key, name]) => ({ name, value: containerd[key], table: [...parent, key] })),
  ];
  const runtimes = tables.filter(({ name, value }) => isRunc(name, value));
  const hasRunc = named.some(([name]) => name === 'runc');
  // containerd 2 has runc besides the runtimes that the file names; containerd 1 has it where the file names none.
  const implied = { name: 'runc', value: undefined, table: [...parent, 'runtimes', 'runc'] };
  return {
    runtimes: [...runtimes, ...(hasRunc ? [] : [implied])].map(({ name, value, table }) => {
      const spec = String(tableAt(value, [])?.base_runtime_spec ?? '');
      const formerSpec = isOwnSpec(spec) ? String(formerValue(text, table, 'base_runtime_spec') ?? '') : spec;
      return { name, table, isThere: value !== undefined, spec, formerSpec };
    }),
    others: tables.filter(({ name, value }) => !isRunc(name, value)).map(({ name }) => name),
    address: String(tableAt(config, ['grpc'])?.address ?? '/run/containerd/containerd.sock'),
    imports: Array.isArray(config.imports) ? config.imports.map(String) : [],
  };
}

/** Where the file switches the CRI plugin off, as the one of Docker's own packages does; undefined where it does not. */
export function disabledCri(path: string, text: string): string | undefined {
  const { disabled_plugins: disabled } = parseToml(path, text);
  if (!Array.isArray(disabled) || !['cri', ...CRI_PLUGINS.values()].some((name) => disabled.includes(name)))
    return undefined;
  return place(path, text, text.indexOf('disabled_plugins'));
}

/** The socket at which containerd serves NRI, where the file switches NRI on; undefined where it does not say so. */
export function nriSocketIn(path: string, text: string): string | undefined {
  const nri = tableAt(parseToml(path, text), NRI_TABLE);
  return nri?.disable === false ? String(nri.socket_path ?? NRI_SOCKET) : undefined;
}

/** Whether a file that is imported sets the CRI plugin's configuration: it would replace all settings of this one. */
export function configuresCri(path: string, text: string): boolean {
  const plugins = tableAt(parseToml(path, text), ['plugins']) ?? {};
  return [...CRI_PLUGINS.values()].some((plugin) => plugin in plugins);
}

function isUsed(value: unknown): boolean {
  return String(tableAt(value, [])?.runtime_type ?? '') !== '';
}

function isRunc(name: string, value: unknown): boolean {
  const type = tableAt(value, [])?.runtime_type;
  return type === undefined ? name === 'runc' : RUNC_TYPES.test(String(type));
}
