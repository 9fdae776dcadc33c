import type { AlertLimit } from '../events/alert-throttle.js';
import { invalidInput, type Problem } from '../failure.js';
import type { Posture } from '../policy/model.js';
import { NO_ASSIGNMENTS, type Role, type RoleAssignments } from '../rpc/access/role.js';
import { type KubearmorAccess, kubearmorListeners } from '../rpc/kubearmor/listen.js';
import { parseListenAddress } from '../rpc/listen-address.js';
import { readFlags } from './command.js';
import { readConfigFile } from './file.js';
import { FLAGS, type Flag, ROLES_SETTING, variableOf } from './flags.js';

export interface Config {
  /** `unix:PATH` or `ADDRESS:PORT`. */
  readonly listen: string;
  /** Paths of PEM files: all three or none. */
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly insecureTcp: boolean;
  readonly insecureTcpRole: Role;
  /** From the configuration file alone. */
  readonly roles: RoleAssignments;
  readonly maxMessageBytes: number;
  readonly maxConnections: number;
  readonly maxCallsPerConnection: number;
  readonly maxStreamsPerClient: number;
  readonly requestsPerSecond: number;
  /** Seconds. */
  readonly keepalive: number;
  /** Seconds. */
  readonly callTimeout: number;
  readonly maxUnreadBytes: number;
  readonly readTimeout: number;
  /** `ADDRESS:PORT`, or `off`. */
  readonly metrics: string;
  readonly stateDir: string;
  readonly journalBytes: number;
  /** Seconds. */
  readonly journalAge: number;
  /** Places separated by commas, or `off`. */
  readonly export: string;
  readonly exportFileBytes: number;
  readonly exportFiles: number;
  readonly bpffsDir: string;
  /** A path, or `off`. */
  readonly dockerSocket: string;
  /** Paths separated by commas, `auto` or `off`. */
  readonly criSocket: string;
  /** A path, `auto` or `off`; the next one too. */
  readonly podmanSocket: string;
  readonly nriSocket: string;
  /** A path, or `off`. */
  readonly hookSocket: string;
  /** `off`, or addresses separated by commas. */
  readonly kubearmorListen: string;
  readonly kubearmorTlsDirectory?: string;
  readonly kubearmorTcpRole: Role;
  readonly kubernetes: boolean;
  readonly kubeconfig?: string;
  readonly nodeName?: string;
  /** Whether the annotation of a pod may override its policies. */
  readonly podOverrides: 'follow' | 'ignore';
  /** See readVisibility. */
  readonly visibility: string;
  /** Seconds. */
  readonly telemetryWindow: number;
  readonly telemetryLimit: number;
  readonly logLevel: string;
  readonly defaultPostureProcess: Posture;
  readonly defaultPostureFile: Posture;
  readonly defaultPostureNetwork: Posture;
  readonly defaultPostureCapabilities: Posture;
  readonly filePostureForProcesses: boolean;
  /** A domain, or `off`. */
  readonly clusterDomain: string;
  /** Domains between commas. */
  readonly searchDomains: string;
  readonly eventsPerSecond: number;
  readonly eventBurst: number;
  /** 0 for no threshold. */
  readonly maxAlertsPerSecond: number;
  /** Seconds. */
  readonly alertSilence: number;
  readonly requireHooks: boolean;
  readonly detachOnExit: boolean;
  readonly hostLabels: string;
  readonly rescue: boolean;
  readonly discardDamaged: boolean;
  readonly check: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

/**
 * Reads flags, the environment and, if one of them names it, the configuration file.
 *
 * @throws Failure invalid-argument naming each flag or variable, or line and column of the file
 */
export function parseConfig(
  parameters: readonly string[],
  readFile: (path: string) => string,
  environment: NodeJS.ProcessEnv = {},
): Config {
  const flags = readFlags(parameters);
  const variables = readVariables(environment);
  const path = flags.config ?? variables.config;
  const inFile = path === undefined ? {} : readConfigFile(path as string, readFile);
  const values: Record<string, unknown> = {};
  const problems: Problem[] = [];
  for (const [name, flag] of Object.entries(FLAGS)) {
    const value = flags[name] ?? variables[name] ?? inFile[name] ?? (flag.type === 'boolean' ? false : flag.default);
    const description = checkValue(flag, value);
    const isFromVariable = flags[name] === undefined && variables[name] !== undefined;
    if (description !== undefined)
      problems.push({ field: isFromVariable ? variableOf(name)! : `--${name}`, description });
    const property = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    if (value !== undefined) values[property] = flag.range === undefined ? value : Number(value);
  }
  if (problems.length > 0) throw invalidInput(problems);
  const config = { ...values, roles: inFile[ROLES_SETTING] ?? NO_ASSIGNMENTS } as unknown as Config;
  checkProtection(config);
  return config;
}

/** What environment variables say, by the names of their flags. One that is empty counts as none. */
function readVariables(environment: NodeJS.ProcessEnv): Readonly<Record<string, unknown>> {
  const switches: Readonly<Record<string, boolean>> = { true: true, false: false };
  const given = Object.entries(FLAGS).flatMap(([name, { type }]) => {
    const variable = variableOf(name);
    const text = variable === undefined ? undefined : environment[variable];
    if (text === undefined || text === '') return [];
    return [[name, type === 'boolean' ? (switches[text] ?? text) : text]];
  });
  return Object.fromEntries(given);
}

/** Checks that involve several flags. */
function checkProtection(config: Config): void {
  const files = {
    'tls-certificate': config.tlsCertificate,
    'tls-key': config.tlsKey,
    'tls-client-ca': config.tlsClientCa,
  };
  const names = Object.entries(files);
  const missing = names.filter(([, path]) => path === undefined).map(([name]) => name);
  if (missing.length > 0 && missing.length < names.length) {
    const description = 'must be given too: TLS needs --tls-certificate, --tls-key and --tls-client-ca';
    throw invalidInput(missing.map((name) => ({ field: `--${name}`, description })));
  }
  parseListenAddress(config.listen, { hasTls: missing.length === 0, allowsInsecureTcp: config.insecureTcp });
  kubearmorListeners(kubearmorAccess(config));
  for (const [, url] of config.export.matchAll(/(?:^|,)otlp:([^,]+)/gu)) {
    if (!URL.canParse(url!)) throw invalidInput([{ field: '--export', description: `${url} is not a URL` }]);
  }
}

/** How KubeArmor's clients are served, from the flags. */
export function kubearmorAccess(config: Config): KubearmorAccess {
  const { kubearmorListen: listen, kubearmorTlsDirectory: tlsDirectory, kubearmorTcpRole: tcpRole } = config;
  return { listen, tlsDirectory, tcpRole };
}

/** From how many events on a container is silenced, and for how long. */
export function alertLimitOf({ maxAlertsPerSecond: perSecond, alertSilence: silence }: Config): AlertLimit {
  return { perSecond, silence };
}

function checkValue({ type, choices, pattern, range }: Flag, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (type === 'boolean') return typeof value === 'boolean' ? undefined : `must be true or false, is ${value}`;
  if (choices !== undefined && !choices.includes(value as string))
    return `must be one of ${choices.join(', ')}, is ${value}`;
  if (pattern !== undefined && !pattern.test(value as string))
    return `${value} does not have the form that --help describes`;
  if (range !== undefined && !isWithin(value as string, range))
    return `must be a whole number from ${range[0]} to ${range[1]}, is ${value}`;
  return undefined;
}

function isWithin(text: string, [least, greatest]: readonly [number, number]): boolean {
  return /^\d{1,15}$/u.test(text) && Number(text) >= least && Number(text) <= greatest;
}
