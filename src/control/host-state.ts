import { release } from 'node:os';
import type { Kernel } from '../kernel/kernel.js';
import { securityModules } from '../kernel/support.js';
import { VERSION } from '../version.js';
import type { HostStatus } from './control-plane.js';
import type { Controller } from './controller.js';
import type { Enforcement } from './enforcement.js';

/** How the daemon and its kernel are, and who wants to hear of it. */
export class HostState {
  readonly #listeners = new Set<(status: HostStatus) => void>();
  readonly #started = new Date();
  readonly #kernelRelease = release();
  readonly #securityModules = securityModules();
  #dockerConnected = false;

  constructor(
    readonly kernel: Pick<Kernel, 'adopted' | 'programNames'>,
    readonly enforcement: Pick<Enforcement, 'divergence' | 'imageCount'>,
    readonly controller: () => Controller,
  ) {}

  status(): HostStatus {
    const { divergence } = this.enforcement;
    return {
      version: VERSION,
      kernelRelease: this.#kernelRelease,
      securityModules: this.#securityModules,
      enforcing: divergence === undefined,
      reason: divergence ?? '',
      programs: this.kernel.programNames,
      policies: this.controller().policies().length,
      containers: this.controller().containers().length,
      images: this.enforcement.imageCount,
      started: this.#started,
      adopted: this.kernel.adopted,
      dockerConnected: this.#dockerConnected,
    };
  }

  set dockerConnected(connected: boolean) {
    this.#dockerConnected = connected;
    this.announce();
  }

  /** Tells every listener how things are now. */
  announce(): void {
    const status = this.status();
    for (const listener of this.#listeners) listener(status);
  }

  onStatusChange(listener: (status: HostStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
