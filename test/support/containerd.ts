import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CriRuntime } from './cri-runtime.js';
import { type ImageOptions, layOutBusybox, saveImage } from './images.js';

const START_MILLISECONDS = 120_000;
const PAUSE_IMAGE = 'hauberk.test/pause:1';
export const BUSYBOX_IMAGE = 'hauberk.test/busybox:1';

export type ContainerdVersion = '1.6' | '1.7' | '2';

export interface ContainerdOptions {
  readonly version: ContainerdVersion;
  /** Lines of the configuration for the runtime runc, such as `base_runtime_spec = "/…"`. */
  readonly runcOptions?: string;
  /** More of the configuration, in sections of its own. */
  readonly configuration?: string;
  /** Disables CRI, as the containerd of Docker's own packages does. */
  readonly withoutCri?: boolean;
}

/** With NRI, and a timeout that suits emulation: when a plugin is late, containerd continues without it. */
export const NRI: ContainerdOptions & { readonly socket: string; readonly configuration: string } = {
  version: '1.7',
  socket: '/run/nri-test/nri.sock',
  configuration: `[plugins."io.containerd.nri.v1.nri"]
  disable = false
  socket_path = "/run/nri-test/nri.sock"
  plugin_path = "/run/nri-test/plugins"
  plugin_config_path = "/run/nri-test/conf.d"
  plugin_request_timeout = "60s"
`,
};

/** Why containerd cannot run here; undefined where it can. */
export function containerdMissing(version: ContainerdVersion): string | undefined {
  if (process.getuid!() !== 0) return 'needs root';
  for (const program of ['/bin/busybox', '/usr/sbin/runc']) if (!existsSync(program)) return `there is no ${program}`;
  const { status, stderr } = spawnSync('tools/containerd', [version], { encoding: 'utf8' });
  return status === 0 ? undefined : `there is no containerd ${version}: ${stderr.trim()}`;
}

/** The default specification of containers, to be changed and set as base_runtime_spec. */
export function defaultSpecification(version: ContainerdVersion): Record<string, unknown> {
  return JSON.parse(execFileSync(join(programsOf(version), 'ctr'), ['oci', 'spec'], { encoding: 'utf8' }));
}

function programsOf(version: ContainerdVersion): string {
  return execFileSync('tools/containerd', [version], { encoding: 'utf8' }).trim();
}

/**
 * A containerd with its own directories and sockets, beside whatever else runs here. It serves CRI for pods on the host's
 * network.
 */
export class Containerd {
  readonly directory = mkdtempSync(join(tmpdir(), 'containerd-'));
  readonly address = join(this.directory, 'containerd.sock');
  readonly log = join(this.directory, 'log');
  /** Path of its configuration file. */
  readonly configurationPath = join(this.directory, 'config.toml');
  readonly runtime = new CriRuntime(this.address);
  readonly #programs: string;
  readonly #options: ContainerdOptions;
  #process: ChildProcess | undefined;

  private constructor(options: ContainerdOptions) {
    this.#options = options;
    this.#programs = programsOf(options.version);
  }

  /** Starts it with the image BUSYBOX_IMAGE, and resolves when it answers. */
  static async start(options: ContainerdOptions): Promise<Containerd> {
    const containerd = new Containerd(options);
    try {
      writeFileSync(containerd.configurationPath, containerd.#configurationText());
      await containerd.startAgain();
      const root = join(containerd.directory, 'image');
      mkdirSync(root);
      layOutBusybox(root);
      // The process of the sandbox only has to keep running.
      containerd.importImage(root, PAUSE_IMAGE, { entrypoint: ['/bin/busybox', 'sleep', '1000000'] });
      containerd.importImage(root, BUSYBOX_IMAGE);
      return containerd;
    } catch (error) {
      await containerd.stop();
      throw error;
    }
  }

  importImage(root: string, name: string, options: ImageOptions = {}): void {
    const archive = saveImage(root, join(this.directory, 'image.tar'), name, options);
    // Since 2.0 the daemon would otherwise unpack the image, into a snapshotter of its own choice.
    const local = this.#options.version === '2' ? ['--local'] : [];
    this.ctr('images', 'import', ...local, '--snapshotter', 'native', archive);
    rmSync(archive);
  }

  /** containerd's own client, in the namespace of CRI. */
  ctr(...parameters: string[]): string {
    const command = ['--address', this.address, '--namespace', 'k8s.io', ...parameters];
    return execFileSync(join(this.#programs, 'ctr'), command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Ends containerd alone, as its restart does: containers run on. */
  async interrupt(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  /** Starts it after {@link interrupt}. */
  async startAgain(): Promise<void> {
    const log = openSync(this.log, 'a');
    const child = spawn(join(this.#programs, 'containerd'), ['--config', this.configurationPath], {
      stdio: ['ignore', log, log],
      env: { ...process.env, PATH: `${this.#programs}:/usr/sbin:/usr/bin:/sbin:/bin` },
    });
    closeSync(log);
    this.#process = child;
    const deadline = Date.now() + START_MILLISECONDS;
    while (!(await this.#answers())) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(`containerd does not answer:\n${this.#lastLines()}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Ends it with all its containers, and removes its directories. */
  async stop(): Promise<void> {
    try {
      if (this.#process !== undefined && this.#options.withoutCri !== true) await this.runtime.removeAllPods();
    } finally {
      this.runtime.close();
      await this.interrupt();
      rmSync(this.directory, { recursive: true, force: true });
    }
  }

  async #answers(): Promise<boolean> {
    if (this.#options.withoutCri) return existsSync(this.address);
    return this.runtime.version().then(
      () => true,
      () => false,
    );
  }

  #lastLines(): string {
    return readFileSync(this.log, 'utf8').split('\n').slice(-20).join('\n');
  }

  #configurationText(): string {
    const directory = this.directory;
    return `version = 2
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = [${this.#options.withoutCri ? '"io.containerd.grpc.v1.cri"' : ''}]

[grpc]
  address = "${this.address}"

[ttrpc]
  address = "${directory}/containerd.sock.ttrpc"

[plugins."io.containerd.internal.v1.opt"]
  path = "${directory}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${directory}/cni"
    conf_dir = "${directory}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      ${this.#options.runcOptions ?? ''}
${this.#options.configuration ?? ''}
`;
  }
}
