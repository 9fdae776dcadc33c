import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Sources, type SourcesConfig } from '../../src/sources/sources.js';
import { InMemoryControlPlane } from './in-memory-control-plane.js';
import { RecordingLogger } from './recording-sink.js';

/** The daemon's sources over a control plane with an in-memory kernel and store. */
export class RunningSources {
  readonly plane = new InMemoryControlPlane();
  readonly logger = new RecordingLogger();
  readonly stateDir = mkdtempSync(join(tmpdir(), 'hauberk-sources-'));
  readonly hookSocket = join(this.stateDir, 'hook.sock');
  readonly sources: Sources;

  private constructor(config: Partial<SourcesConfig>, hostRoot: string) {
    const { plane, logger, stateDir, hookSocket } = this;
    const off = { dockerSocket: 'off', criSocket: 'off', podmanSocket: 'off', nriSocket: 'off' };
    this.sources = new Sources({
      config: { ...off, hookSocket, stateDir, ...config },
      tracker: plane.tracker,
      registry: plane.containers,
      unprotected: plane.unprotected,
      counts: plane.intake,
      logger,
      hostRoot,
      // Ignores the runtimes of this machine.
      socketRoots: [],
      onStatus: () => undefined,
      retry: { first: 5, most: 20 },
    });
  }

  /**
   * Follows only the given runtimes.
   *
   * @param hostRoot where the host's files are seen
   */
  static async start(config: Partial<SourcesConfig> = {}, hostRoot = ''): Promise<RunningSources> {
    const running = new RunningSources(config, hostRoot);
    await running.sources.start();
    return running;
  }

  async stop(): Promise<void> {
    await this.sources.stop();
    this.plane.tracker.stop();
  }
}
