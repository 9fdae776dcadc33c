import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { parse } from 'yaml';
import { Failure } from '../failure.js';

/** The authorities to trust, and the client's certificate. */
export interface TlsMaterial {
  /** PEM; the authorities that this machine trusts when left out. */
  readonly ca?: string | Buffer;
  readonly certificate?: string | Buffer;
  readonly key?: string | Buffer;
}

/** How the API server is reached, and as whom. */
export interface ApiServer extends TlsMaterial {
  /** For example https://10.96.0.1:443. */
  readonly url: URL;
  /** Where objects of the daemon's own are. */
  readonly namespace: string;
  /** Read again for each request: tokens of service accounts are replaced within the hour. */
  readonly token: () => string | undefined;
  /** Reads the same files again: they are replaced before their contents expire. @throws where they cannot be read */
  readonly readAgain?: () => TlsMaterial;
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
    throw unusable(
      'not running in a pod: KUBERNETES_SERVICE_HOST is not set; outside a cluster give a file with --kubeconfig',
    );
  }
  const readAgain = () => ({ ca: readInput(join(directory, 'ca.crt')) });
  const url = new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`);
  const namespace = readInput(join(directory, 'namespace')).trim();
  const token = () => readFileSync(join(directory, 'token'), 'utf8').trim();
  return { url, ...readAgain(), namespace, token, readAgain };
}

interface Named<Value> {
  readonly name?: string;
  readonly cluster?: Value;
  readonly user?: Value;
  readonly context?: Value;
}

type Fields = Readonly<Record<string, unknown>>;

/** Settings of a kubeconfig that are not supported here. */
const NOT_READ = ['exec', 'auth-provider', 'username', 'password', 'as', 'as-uid', 'as-groups', 'as-user-extra'];
const NOT_READ_OF_CLUSTER = ['proxy-url', 'tls-server-name', 'insecure-skip-tls-verify'];

/**
 * What a kubeconfig names as its current context: a server, and a token or certificate. No program is run to get one.
 * The server and the namespace stay as at the start; everything else is read again when it changes.
 *
 * @throws Failure failed-precondition naming what is missing or not supported
 */
export function byKubeconfig(path: string): ApiServer {
  let text = readInput(path);
  let read = parseKubeconfig(path, text);
  const current = () => {
    const now = readInput(path);
    if (now !== text) [read, text] = [parseKubeconfig(path, now), now];
    return read;
  };
  const { url, namespace } = read;
  return {
    url,
    namespace,
    ...read.tls(),
    token: () => {
      try {
        return current().token();
      } catch {
        // If it can no longer be read, that is reported with the certificates.
        return read.token();
      }
    },
    readAgain: () => current().tls(),
  };
}

/** @throws like byKubeconfig */
function parseKubeconfig(path: string, text: string) {
  const invalid = (problem: string) => unusable(`${path}: ${problem}`);
  const config = documentIn(text, invalid);
  const current = config?.['current-context'];
  const context = entry(config?.contexts, current, 'context');
  if (context === undefined) throw invalid('its current-context names no context');
  const cluster = entry(config?.clusters, context.cluster, 'cluster');
  const user = entry(config?.users, context.user, 'user') ?? {};
  if (typeof cluster?.server !== 'string') throw invalid('names no server');
  const beyond = [
    ...NOT_READ.filter((field) => user[field] !== undefined),
    ...NOT_READ_OF_CLUSTER.filter((field) => cluster[field]),
  ];
  if (beyond.length > 0) throw invalid(`asks for ${beyond.join(', ')}, which hauberkd does not support`);
  const url = URL.canParse(cluster.server) ? new URL(cluster.server) : undefined;
  if (url?.protocol !== 'https:') throw invalid(`the server must be https, is ${cluster.server}`);
  const fileOf = (fields: Fields, field: string) => {
    const data = fields[`${field}-data`];
    if (typeof data === 'string') return Buffer.from(data, 'base64');
    return typeof fields[field] === 'string' ? readInput(resolve(dirname(path), fields[field])) : undefined;
  };
  const tls = (): TlsMaterial => {
    const ca = fileOf(cluster, 'certificate-authority');
    const certificate = fileOf(user, 'client-certificate');
    const key = fileOf(user, 'client-key');
    return {
      ...(ca !== undefined && { ca }),
      ...(certificate !== undefined && { certificate }),
      ...(key !== undefined && { key }),
    };
  };
  const { token, tokenFile } = user as { token?: string; tokenFile?: string };
  return {
    url,
    namespace: typeof context.namespace === 'string' ? context.namespace : 'hauberk',
    tls,
    token: () => (tokenFile === undefined ? token : readFileSync(resolve(dirname(path), tokenFile), 'utf8').trim()),
  };
}

/**
 * Checks that there are credentials, and that certificates and key can be read. Whether the server accepts them shows
 * later.
 *
 * @throws Failure failed-precondition
 */
export function checkAccess(server: ApiServer): void {
  const { certificate: cert, key, token } = server;
  let bearer: string | undefined;
  try {
    bearer = token();
  } catch (error) {
    throw unusable(`cannot read the token: ${(error as Error).message}`);
  }
  if (!bearer && (cert === undefined || key === undefined))
    throw unusable('there is neither a token nor a client certificate');
  // The token goes into a header.
  if (bearer && /[^\x21-\x7e]/u.test(bearer))
    throw unusable('the token is invalid: it contains spaces or other characters');
  checkTls(server);
}

/** Whether certificates and key can be used together. @throws Failure failed-precondition */
export function checkTls({ ca, certificate: cert, key }: TlsMaterial): void {
  try {
    createSecureContext({ ...(cert && { cert }), ...(key && { key }) });
  } catch (error) {
    throw unusable(`client certificate and key cannot be used: ${(error as Error).message}`);
  }
  if (ca !== undefined) checkAuthorities(String(ca));
}

/** Checked because TLS would continue without one that cannot be read. */
function checkAuthorities(pem: string): void {
  const certificates = pem.match(/-----BEGIN [^-]+-----[^-]*-----END [^-]+-----/gu) ?? [];
  if (certificates.length === 0) throw unusable('the certificate authority is not PEM');
  try {
    for (const each of certificates) new X509Certificate(each);
  } catch (error) {
    throw unusable(`the certificate authority cannot be read: ${(error as Error).message}`);
  }
}

function documentIn(text: string, invalid: (problem: string) => Failure): Fields | undefined {
  try {
    const document = parse(text) as unknown;
    return typeof document === 'object' && document !== null ? (document as Fields) : undefined;
  } catch (error) {
    throw invalid(`is not YAML: ${(error as Error).message.split('\n')[0]}`);
  }
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
