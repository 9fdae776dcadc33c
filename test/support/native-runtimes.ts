import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layOutBusybox, saveImage } from './images.js';

const IMAGE = 'localhost/hauberk-busybox:1';
const REMOVE_ATTEMPTS = 50;
const START_MILLISECONDS = 60_000;
/** The machine that runs the tests may not allow higher limits. */
const LIMIT = '1024:1024';

/** Why such a runtime cannot run on this machine; undefined where it can. */
export function runtimeMissing(...programs: string[]): string | undefined {
  if (process.getuid!() !== 0) return 'needs root';
  const missing = [...programs, '/usr/sbin/runc', '/bin/busybox'].find((program) => !existsSync(program));
  return missing === undefined ? undefined : `there is no ${missing}`;
}

/** A runtime with one image that the tests start beside whatever else runs here. */
abstract class NativeRuntime {
  readonly directory = mkdtempSync(join(tmpdir(), 'hbr-'));
  readonly socketPath = join(this.directory, 's.sock');
  #server: ChildProcess | undefined;

  abstract readonly client: readonly string[];
  /** Removes containers without waiting for their end. */
  readonly removal: readonly string[] = ['rm', '-f'];
  readonly environment: Readonly<Record<string, string>> = {};

  /** Runs a command of the client. @throws Error with its output when it fails */
  run(...parameters: string[]): string {
    const [program, ...flags] = [...this.client, ...parameters];
    const env = { ...process.env, ...this.environment };
    const { status, stdout, stderr } = spawnSync(program!, flags, {
      encoding: 'utf8',
      env,
      timeout: START_MILLISECONDS,
    });
    if (status !== 0) throw new Error(`${parameters.join(' ')}: ${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Starts a container that sleeps; returns its id. */
  start(name: string, ...flags: string[]): string {
    return this.run('run', '-d', '--network=host', '--name', name, ...flags, IMAGE, '/bin/sleep', '1000');
  }

  /** The same without blocking this process, which has to answer the hook. */
  startAside(name: string, ...flags: string[]): Promise<string> {
    const [program, ...before] = this.client;
    const command = ['run', '-d', '--network=host', '--name', name, ...flags, IMAGE, '/bin/sleep', '1000'];
    const child = spawn(program!, [...before, ...command], { env: { ...process.env, ...this.environment } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    return new Promise((resolve, reject) => {
      child.on('close', (status) => (status === 0 ? resolve(output.trim()) : reject(new Error(output))));
    });
  }

  protected async serve(command: readonly string[]): Promise<void> {
    const [program, ...flags] = command;
    const log = openSync(join(this.directory, 'log'), 'a');
    const env = { ...process.env, ...this.environment };
    this.#server = spawn(program!, flags, { stdio: ['ignore', log, log], env });
    const deadline = Date.now() + START_MILLISECONDS;
    while (spawnSync('curl', ['-s', '--unix-socket', this.socketPath, 'http://runtime/_ping']).status !== 0) {
      if (Date.now() > deadline || this.#server.exitCode !== null)
        throw new Error(readFileSync(join(this.directory, 'log'), 'utf8'));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Loads the image. */
  loadImage(): void {
    const root = join(this.directory, 'image');
    mkdirSync(root);
    layOutBusybox(root);
    const labels = { app: 'shop', 'io.kubernetes.pod.namespace': 'kube-system', 'hauberk.io/container.name': 'x' };
    const archive = saveImage(root, join(this.directory, 'image.tar'), IMAGE, { entrypoint: [], labels });
    this.run('load', '-i', archive);
  }

  /** Ends the server alone; containers continue. */
  async stopServer(): Promise<void> {
    const server = this.#server;
    if (server === undefined || server.exitCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
  }

  /** Ends every container and the server, and leaves nothing behind. */
  async stop(): Promise<void> {
    try {
      const ids = this.run('ps', '-a', '-q').split('\n').filter(Boolean);
      if (ids.length > 0) this.run(...this.removal, ...ids);
    } finally {
      await this.stopServer();
      await this.#remove();
    }
  }

  /** Retries: podman's clean-up processes may still mount and unmount after a container has ended. */
  async #remove(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
      const places = mounts
        .flatMap((line) => line.split(' ')[1] ?? [])
        .filter((path) => path.startsWith(this.directory));
      for (const path of places.reverse()) spawnSync('umount', ['-l', path]);
      try {
        return rmSync(this.directory, { recursive: true, force: true });
      } catch (error) {
        if (attempt === REMOVE_ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

export class NativeDocker extends NativeRuntime {
  readonly client = ['/usr/bin/docker', '-H', `unix://${this.socketPath}`];

  /** @param runtime a program that is called in place of runc */
  static async launch(runtime?: string): Promise<NativeDocker> {
    const docker = new NativeDocker();
    await docker.launchServer(runtime);
    docker.loadImage();
    return docker;
  }

  launchServer(runtime?: string): Promise<void> {
    return this.serve([
      ...['/usr/sbin/dockerd', '--bridge=none', '--iptables=false', '--ip6tables=false', '--live-restore'],
      ...['--data-root', join(this.directory, 'root'), '--exec-root', join(this.directory, 'exec')],
      ...['--pidfile', join(this.directory, 'pid'), '--host', `unix://${this.socketPath}`],
      ...['--default-ulimit', `nofile=${LIMIT}`],
      ...(runtime === undefined ? [] : ['--add-runtime', `own=${runtime}`]),
    ]);
  }
}

export class NativePodman extends NativeRuntime {
  readonly client = [
    '/usr/bin/podman',
    ...['--root', join(this.directory, 'root'), '--runroot', join(this.directory, 'run')],
    ...['--tmpdir', join(this.directory, 'tmp'), '--cgroup-manager=cgroupfs', '--events-backend=file'],
    ...['--runtime=/usr/sbin/runc', `--hooks-dir=${join(this.directory, 'hooks')}`],
  ];
  override readonly removal = ['rm', '-f', '--time=0'];
  override readonly environment = { CONTAINERS_CONF: join(this.directory, 'containers.conf') };

  static async launch(): Promise<NativePodman> {
    const podman = new NativePodman();
    const limits = `default_ulimits = ["nofile=${LIMIT}", "nproc=${LIMIT}"]`;
    writeFileSync(podman.environment.CONTAINERS_CONF, `[containers]\n${limits}\n`);
    mkdirSync(podman.hooks);
    podman.loadImage();
    await podman.serve([...podman.client, 'system', 'service', '--time', '0', `unix://${podman.socketPath}`]);
    return podman;
  }

  get hooks(): string {
    return join(this.directory, 'hooks');
  }
}
