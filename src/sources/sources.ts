import type { ContainerRegistry } from '../control/container-registry.js';
import type { IntakeCounts } from '../control/intake-counts.js';
import type { SourceStatus } from '../control/protection.js';
import { ContainerIntake, type IntakeOptions } from './container-intake.js';
import { ContainerStarts } from './container-starts.js';
import { criConnection } from './cri.js';
import { CriStarts } from './cri-hook.js';
import { dockerConnection } from './docker.js';
import { trueCause } from './failure-cause.js';
import { type FollowedSocket, type SocketSettings, socketsOfHost, socketsToFollow } from './followed-sockets.js';
import { FollowedSource } from './followed-source.js';
import { type HookConfig, readHookConfig } from './hook-config.js';
import { HookFacts } from './hook-facts.js';
import { HookServer } from './hook-server.js';
import type { RuntimeSocket } from './known-sockets.js';
import { nriConnection } from './nri-source.js';
import { restartWarnings } from './restart-warnings.js';
import type { RuntimeConnection } from './source.js';
import { type FollowedRuntime, sourceWarnings } from './source-warnings.js';
import { StartsWithoutProtection } from './starts-without-protection.js';
import { UnaskedStarts } from './unasked-starts.js';

const CHECK_MILLISECONDS = 30_000;

export interface SourcesConfig extends SocketSettings {
  /** A path, or `off`. */
  readonly hookSocket: string;
  readonly stateDir: string;
}

export interface SourcesOptions extends Omit<IntakeOptions, 'counts'> {
  readonly config: SourcesConfig;
  readonly registry: IntakeOptions['registry'] & Pick<ContainerRegistry, 'leftOutOf' | 'countByProtection'>;
  readonly counts: IntakeCounts;
  /** Where the host's files are seen: empty, or `/proc/1/root` from inside a container. */
  readonly hostRoot: string;
  /** Where runtimes' sockets are looked for: empty for the daemon's own root, then where the host's is, if another. */
  readonly socketRoots: readonly string[];
  /** Called when the status of a source, or a warning, has changed. */
  readonly onStatus: () => void;
}

/** All automatic sources of containers: the runtimes that are followed, and those whose hook calls. */
export class Sources {
  readonly #options: SourcesOptions;
  readonly #intake: ContainerIntake;
  readonly #starts: ContainerStarts;
  readonly #withoutProtection: StartsWithoutProtection;
  readonly #unasked: UnaskedStarts;
  readonly #followed = new Map<string, FollowedRuntime>();
  readonly #criFacts = new Map<string, CriStarts>();
  readonly #hook: HookServer | undefined;
  #hookConfig: HookConfig | undefined;
  #present: readonly RuntimeSocket[] = [];
  #warnings: readonly string[] = [];
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SourcesOptions) {
    this.#options = options;
    const { config, counts, hostRoot, logger, registry, onStatus } = options;
    this.#intake = new ContainerIntake(options);
    const dockerSocket = () => [...this.#followed.values()].find(({ socket }) => socket.kind === 'docker')?.socket.path;
    const facts = new HookFacts({ dockerSocket, cri: () => [...this.#criFacts.values()], hostRoot });
    const { stateDir } = config;
    this.#withoutProtection = new StartsWithoutProtection(stateDir, counts, logger);
    this.#unasked = new UnaskedStarts({ stateDir, registry, records: this.#withoutProtection, counts, logger });
    this.#starts = new ContainerStarts({ intake: this.#intake, facts, registry, counts, logger, hostRoot });
    if (config.hookSocket !== 'off') {
      const answer = this.#starts.answer.bind(this.#starts);
      this.#hook = new HookServer({ path: config.hookSocket, answer, counts, logger, onStatus });
    }
  }

  /** Begins to follow the runtimes; resolves when the hook can connect. */
  async start(): Promise<void> {
    await this.#check();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#hook?.close();
    this.#unasked.note();
    for (const { source } of this.#followed.values()) source.stop();
    this.#intake.stop();
    for (const facts of this.#criFacts.values()) facts.close();
    // Last, since it can fail.
    this.#withoutProtection.close();
  }

  statuses(): SourceStatus[] {
    const shown = [...this.#followed.values()].filter(
      ({ socket, source }) => !(socket.isDetected && source.isAbsent && !source.wasConnected),
    );
    return [...shown.map(({ source }) => source.status()), ...(this.#hook === undefined ? [] : [this.#hookStatus()])];
  }

  /** To be called when `refine` would return something else. */
  refineAgain(): void {
    this.#intake.refineAgain();
  }

  /** What an operator should know and fix. */
  warnings(): readonly string[] {
    return this.#warnings;
  }

  #hookStatus(): SourceStatus {
    const whenUnanswered = this.#hookConfig === undefined ? undefined : whenUnansweredOf(this.#hookConfig);
    return {
      ...this.#hook!.status(),
      containers: this.#options.registry.countByProtection().hook,
      ...(whenUnanswered !== undefined && { whenUnanswered }),
    };
  }

  /** Checks what may have changed on the host without notification. */
  async #check(): Promise<void> {
    const { config, hostRoot, socketRoots, logger } = this.#options;
    try {
      this.#hookConfig = readHookConfig(hostRoot);
      this.#present = socketsOfHost(socketRoots);
      for (const socket of socketsToFollow(config, this.#present, socketRoots)) this.#follow(socket);
      if (this.#hook?.isListening === false) await this.#hook.listen();
      this.#withoutProtection.report();
      this.#unasked.note();
      this.#intake.check();
      this.#warn();
    } catch (error) {
      logger.warn({ reason: trueCause(error) }, 'cannot check the sources of containers');
    }
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#check(), CHECK_MILLISECONDS);
  }

  /** Logs warnings that are new. */
  #warn(): void {
    const before = this.#warnings;
    const { hostRoot, registry } = this.#options;
    const hasPodman = registry.list().some(({ origin }) => origin === 'podman');
    this.#warnings = [
      ...sourceWarnings([...this.#followed.values()], this.#present, hasPodman),
      ...(this.#hookConfig === undefined ? [] : restartWarnings(hostRoot)),
    ];
    for (const warning of this.#warnings) if (!before.includes(warning)) this.#options.logger.warn({}, warning);
    if (before.join() !== this.#warnings.join()) this.#options.onStatus();
  }

  #follow(socket: FollowedSocket): void {
    const key = `${socket.kind}:${socket.path}`;
    if (this.#followed.has(key)) return;
    const { logger, onStatus } = this.#options;
    const source = new FollowedSource(this.#connect(socket), {
      logger,
      onStatus,
      // containerd starts containers without asking while no plugin is connected.
      ...(socket.kind === 'nri' && { whenUnanswered: 'allowed' as const }),
    });
    this.#followed.set(key, { socket, source });
    if (socket.kind === 'cri') this.#criFacts.set(socket.path, new CriStarts(socket.path));
    source.start(this.#intake.sinkOf({ key, name: socket.name, origin: source.origin }));
  }

  #connect({ kind, name, path: address }: FollowedSocket): RuntimeConnection {
    if (kind === 'cri') return criConnection({ name, address });
    if (kind !== 'nri') return dockerConnection({ origin: kind, address });
    // Read for each start, as the hook does: an exception holds for the next one.
    const hookConfig = () => readHookConfig(this.#options.hostRoot);
    const connection = nriConnection({ address, key: `nri:${address}`, starts: this.#starts, hookConfig });
    return this.#unasked.watched(connection);
  }
}

function whenUnansweredOf({ whenUnanswered }: HookConfig): NonNullable<SourceStatus['whenUnanswered']> {
  return whenUnanswered === 'allow' ? 'allowed' : 'refused';
}
