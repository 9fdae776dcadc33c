import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { Failure } from '../failure.js';

/** How the API server is reached, and as whom. */
export interface ApiServer {
  /** For example https://10.96.0.1:443. */
  readonly url: URL;
  /** PEM; the authorities that this machine trusts when left out. */
  readonly ca?: string | Buffer;
  readonly certificate?: string | Buffer;
  readonly key?: string | Buffer;
  /** Where objects of the daemon's own are. */
  readonly namespace: string;
  /** Read anew for each request: tokens of service accounts are replaced within the hour. */
  readonly token: () => string | undefined;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Of a pod: the API server of its cluster, by its service account.
 *
 * @throws Failure failed-precondition outside of a pod
 */
export function inCluster(environment: NodeJS.ProcessEnv = process.env, directory = SERVICE_ACCOUNT): ApiServer {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (!host || !port) {
    throw unusable('this is no pod: KUBERNETES_SERVICE_HOST is not set; outside a cluster --kubeconfig names a file');
  }
  const ca = readInput(join(directory, 'ca.crt'));
  const url = new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`);
  const namespace = readInput(join(directory, 'namespace')).trim();
  return { url, ca, namespace, token: () => readFileSync(join(directory, 'token'), 'utf8').trim() };
}

interface Named<Value> {
  readonly name?: string;
  readonly cluster?: Value;
  readonly user?: Value;
  readonly context?: Value;
}

type Fields = Readonly<Record<string, unknown>>;

/** What a kubeconfig can ask for and is not done here. */
const NOT_READ = ['exec', 'auth-provider', 'username', 'password', 'as', 'as-uid', 'as-groups', 'as-user-extra'];
const NOT_READ_OF_CLUSTER = ['proxy-url', 'tls-server-name', 'insecure-skip-tls-verify'];

/**
 * What a kubeconfig names as its current context: a server, and a token or certificate. Nothing is run to get one.
 *
 * @throws Failure failed-precondition naming what is missing, or what is there that is not done
 */
export function byKubeconfig(path: string): ApiServer {
  const config = parse(readInput(path)) as Fields | null;
  const say = (problem: string) => unusable(`${path}: ${problem}`);
  const current = config?.['current-context'];
  const context = entry(config?.contexts, current, 'context');
  if (context === undefined) throw say('its current-context names no context');
  const cluster = entry(config?.clusters, context.cluster, 'cluster');
  const user = entry(config?.users, context.user, 'user') ?? {};
  if (typeof cluster?.server !== 'string') throw say('names no server');
  const beyond = [
    ...NOT_READ.filter((field) => user[field] !== undefined),
    ...NOT_READ_OF_CLUSTER.filter((field) => cluster[field]),
  ];
  if (beyond.length > 0) throw say(`asks for ${beyond.join(', ')}, which hauberkd does not do`);
  const url = new URL(cluster.server);
  if (url.protocol !== 'https:') throw say(`the server must be https, is ${cluster.server}`);
  const fileOf = (fields: Fields, field: string) => {
    const data = fields[`${field}-data`];
    if (typeof data === 'string') return Buffer.from(data, 'base64');
    return typeof fields[field] === 'string' ? readInput(resolve(dirname(path), fields[field])) : undefined;
  };
  const ca = fileOf(cluster, 'certificate-authority');
  const certificate = fileOf(user, 'client-certificate');
  const key = fileOf(user, 'client-key');
  const { token, tokenFile } = user as { token?: string; tokenFile?: string };
  return {
    url,
    namespace: typeof context.namespace === 'string' ? context.namespace : 'hauberk',
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { certificate }),
    ...(key !== undefined && { key }),
    token: () => (tokenFile === undefined ? token : readFileSync(resolve(dirname(path), tokenFile), 'utf8').trim()),
  };
}

function entry(list: unknown, name: unknown, field: 'cluster' | 'user' | 'context'): Fields | undefined {
  if (!Array.isArray(list)) return undefined;
  return (list as Named<Fields>[]).find((each) => each.name === name)?.[field];
}

function readInput(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unusable(`cannot read ${path}: ${(error as Error).message}`);
  }
}

function unusable(problem: string): Failure {
  return new Failure('failed-precondition', `Kubernetes cannot be reached: ${problem}`);
}
