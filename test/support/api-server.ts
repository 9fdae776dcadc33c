import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { inCluster } from '../../src/kubernetes/access.js';
import { ApiClient, ApiError, type KubernetesObject } from '../../src/kubernetes/api-client.js';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import { NODE } from './kubelet.js';

/** Under emulation it starts slowly. */
const WAIT_MILLISECONDS = 300_000;
const CRDS = 'packaging/kubernetes/crds';
const ADMIN_TOKEN = 'admin-of-the-test';
const KUBELET_TOKEN = 'kubelet-of-the-test';
const FLOW_CONTROL = '/apis/flowcontrol.apiserver.k8s.io/v1';
const FLOW_CONTROL_KINDS = ['flowschemas', 'prioritylevelconfigurations'];

/** A real etcd and a real kube-apiserver, on loopback, with RBAC. */
export class ApiServer {
  readonly #directory = mkdtempSync(join(tmpdir(), 'hauberk-api-server-'));
  readonly #children = new Map<string, ChildProcess>();
  #ports!: { readonly etcd: number; readonly peer: number; readonly api: number };
  #admin!: ApiClient;

  /** With the programs that tools/test-cluster and tools/test-kubelet name in environment variables. */
  static async start(): Promise<ApiServer> {
    const server = new ApiServer();
    try {
      await server.#prepare();
      await server.startApi();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** May do everything. */
  get admin(): ApiClient {
    return this.#admin;
  }

  /** Creates the kinds of hauberk.io, the rights of the daemon, and a namespace for pods and policies. */
  async prepareFor(namespace: string): Promise<void> {
    for (const name of readdirSync(CRDS)) await this.apply(readFileSync(join(CRDS, name), 'utf8'));
    await this.apply(readFileSync('packaging/kubernetes/rbac.yaml', 'utf8'));
    await this.#admin.create('/api/v1/namespaces', { metadata: { name: namespace } });
  }

  /** A service account directory as in a pod, with a token; each call writes it again. */
  async serviceAccount(
    namespace: string,
    name: string,
  ): Promise<{ directory: string; environment: NodeJS.ProcessEnv }> {
    const directory = join(this.#directory, `${namespace}-${name}`);
    mkdirSync(directory, { recursive: true });
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } };
    const { status } = (await this.#admin.create(path, body)) as { status: { token: string } };
    writeFileSync(join(directory, 'token'), status.token);
    writeFileSync(join(directory, 'namespace'), namespace);
    writeFileSync(join(directory, 'ca.crt'), this.#authorities());
    return { directory, environment: this.#environment() };
  }

  /** Creates the objects of a YAML text that do not exist yet; in a dry run the server only validates them. */
  async apply(text: string, { dryRun = false } = {}): Promise<void> {
    for (const document of parseAllDocuments(text)) {
      const object = document.toJS() as {
        apiVersion: string;
        kind: string;
        metadata: { name: string; namespace?: string };
      };
      if (object === null) continue;
      try {
        await this.#admin.create(
          `${collectionOf(object)}?fieldValidation=Strict${dryRun ? '&dryRun=All' : ''}`,
          object,
        );
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 409) throw error;
      }
    }
  }

  /** Creates an object, once the server knows its kind. */
  async create(path: string, body: object): Promise<KubernetesObject> {
    let made: unknown;
    await eventually(async () => {
      try {
        made = await this.#admin.create(path, body);
        return true;
      } catch (error) {
        // The server is still starting, or does not serve a new definition yet.
        if (error instanceof ApiError && [404, 429, 503].includes(error.code)) return false;
        throw error;
      }
    }, `the kind at ${path}`);
    return made as KubernetesObject;
  }

  /** A kubeconfig with which everything may be done. */
  adminConfig(): string {
    return this.#kubeconfig('admin', { token: ADMIN_TOKEN });
  }

  /** The kubeconfig of the kubelet of {@link NODE}. */
  kubeletConfig(): string {
    return this.#kubeconfig('kubelet', { token: KUBELET_TOKEN });
  }

  /** The kubeconfig for a daemon outside of a pod that authenticates as a service account. */
  async kubeconfigOf(namespace: string, name: string): Promise<string> {
    const { directory } = await this.serviceAccount(namespace, name);
    return this.#kubeconfig(`${namespace}-${name}`, { tokenFile: join(directory, 'token') });
  }

  /** Answers 429 to all requests of a group, by a priority level without seats; undefined ends that. */
  async refuse(group: string | undefined): Promise<void> {
    const metadata = { name: 'refused' };
    if (group === undefined) {
      for (const kind of FLOW_CONTROL_KINDS) await this.#admin.delete(`${FLOW_CONTROL}/${kind}/refused`);
      return;
    }
    const [schemas, levels] = FLOW_CONTROL_KINDS.map((kind) => `${FLOW_CONTROL}/${kind}`);
    const limited = {
      nominalConcurrencyShares: 0,
      lendablePercent: 0,
      borrowingLimitPercent: 0,
      limitResponse: { type: 'Reject' },
    };
    await this.#admin.create(levels!, { metadata, spec: { type: 'Limited', limited } });
    const all = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true };
    const rules = [{ subjects: [{ kind: 'Group', group: { name: group } }], resourceRules: [all] }];
    const spec = { priorityLevelConfiguration: metadata, matchingPrecedence: 2, rules };
    await this.#admin.create(schemas!, { metadata, spec });
  }

  async startApi(): Promise<void> {
    const key = join(this.#directory, 'service-account.key');
    const { etcd, api } = this.#ports;
    this.#spawn('kube-apiserver', process.env.HAUBERK_KUBE_APISERVER!, [
      `--etcd-servers=http://127.0.0.1:${etcd}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${api}`,
      `--cert-dir=${join(this.#directory, 'certificates')}`,
      `--service-account-key-file=${key}`,
      `--service-account-signing-key-file=${key}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--token-auth-file=${join(this.#directory, 'tokens')}`,
      '--authorization-mode=Node,RBAC',
      '--service-cluster-ip-range=10.96.0.0/24',
      // No controller creates tokens of pods and default accounts here.
      '--disable-admission-plugins=ServiceAccount',
      '--allow-privileged=true',
      '--endpoint-reconciler-type=none',
    ]);
    await this.#answers('kube-apiserver', async () => {
      this.#admin?.close();
      const server = inCluster(this.#environment(), this.#adminDirectory());
      this.#admin = new ApiClient(server);
      await this.#admin.get('/api/v1/namespaces/default');
    });
  }

  stopApi(): Promise<void> {
    return this.#end('kube-apiserver');
  }

  async stop(): Promise<void> {
    this.#admin?.close();
    await this.#end('kube-apiserver');
    await this.#end('etcd');
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Makes etcd compact all earlier revisions, as the API server does every few minutes. */
  async compact(): Promise<void> {
    const ask = async (path: string, body: object) => {
      const url = `http://127.0.0.1:${this.#ports.etcd}/v3/kv/${path}`;
      return (await (await fetch(url, { method: 'POST', body: JSON.stringify(body) })).json()) as {
        header: { revision: string };
      };
    };
    const { header } = await ask('range', { key: Buffer.from('a').toString('base64') });
    await ask('compaction', { revision: header.revision, physical: true });
  }

  async #prepare(): Promise<void> {
    const [etcd, peer, api] = await Promise.all([freePort(), freePort(), freePort()]);
    this.#ports = { etcd: etcd!, peer: peer!, api: api! };
    const key = execFileSync('openssl', ['genrsa', '2048'], { stdio: ['ignore', 'pipe', 'ignore'] });
    writeFileSync(join(this.#directory, 'service-account.key'), key);
    const node = `system:node:${NODE}`;
    const tokens = [`${ADMIN_TOKEN},admin,admin,system:masters`, `${KUBELET_TOKEN},${node},${node},system:nodes`];
    writeFileSync(join(this.#directory, 'tokens'), `${tokens.join('\n')}\n`);
    this.#spawn('etcd', process.env.HAUBERK_ETCD!, [
      `--data-dir=${join(this.#directory, 'etcd')}`,
      `--listen-client-urls=http://127.0.0.1:${etcd}`,
      `--advertise-client-urls=http://127.0.0.1:${etcd}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-cluster=default=http://127.0.0.1:${peer}`,
      '--unsafe-no-fsync',
    ]);
    await this.#answers('etcd', async () => void (await fetch(`http://127.0.0.1:${etcd}/health`)));
  }

  #kubeconfig(user: string, shown: object): string {
    const path = join(this.#directory, `kubeconfig-${user}`);
    const cluster = {
      server: `https://127.0.0.1:${this.#ports.api}`,
      'certificate-authority-data': Buffer.from(this.#authorities()).toString('base64'),
    };
    const configuration = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster }],
      users: [{ name: user, user: shown }],
      contexts: [{ name: 'test', context: { cluster: 'test', user } }],
      'current-context': 'test',
    };
    writeFileSync(path, JSON.stringify(configuration));
    return path;
  }

  #environment(): NodeJS.ProcessEnv {
    return { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(this.#ports.api) };
  }

  #adminDirectory(): string {
    const directory = join(this.#directory, 'admin');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'token'), ADMIN_TOKEN);
    writeFileSync(join(directory, 'namespace'), 'default');
    writeFileSync(join(directory, 'ca.crt'), this.#authorities());
    return directory;
  }

  /** The server's certificate is self-signed. */
  #authorities(): string {
    const directory = join(this.#directory, 'certificates');
    const certificates = readdirSync(directory).filter((name) => name.endsWith('.crt'));
    return certificates.map((name) => readFileSync(join(directory, name), 'utf8')).join('');
  }

  #spawn(name: string, program: string, flags: readonly string[]): void {
    const log = openSync(join(this.#directory, `${name}.log`), 'a');
    this.#children.set(name, spawn(program, flags, { stdio: ['ignore', log, log] }));
    closeSync(log);
  }

  async #answers(name: string, ask: () => Promise<void>): Promise<void> {
    const deadline = Date.now() + WAIT_MILLISECONDS;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (this.#children.get(name)?.exitCode !== null || Date.now() > deadline) {
          const log = readFileSync(join(this.#directory, `${name}.log`), 'utf8')
            .split('\n')
            .slice(-30)
            .join('\n');
          throw new Error(`${name} does not answer: ${(error as Error).message}\n${log}`);
        }
        await sleep(100);
      }
    }
  }

  async #end(name: string): Promise<void> {
    const child = this.#children.get(name);
    this.#children.delete(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // A regular end would wait for clients that watch.
    child.kill('SIGKILL');
    await ended;
  }
}

const PLURALS: Readonly<Record<string, string>> = {
  NetworkPolicy: 'networkpolicies',
  PriorityClass: 'priorityclasses',
};

/** The path at which an object is created. */
function collectionOf(object: { apiVersion: string; kind: string; metadata: { namespace?: string } }): string {
  const { apiVersion, kind, metadata } = object;
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const plural = PLURALS[kind] ?? `${kind.toLowerCase().replace(/y$/u, 'ie')}s`;
  return `${root}${metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`}/${plural}`;
}
