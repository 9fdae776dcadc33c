import type { PolicyRegistry } from '../control/policy-registry.js';
import type { VisibilityRegistry } from '../control/visibility-registry.js';
import type { SourceLogger } from '../sources/source.js';
import { posturesOf, type SettingsObject, type UnknownSetting, visibilityIn } from './annotations.js';
import type { KubernetesObject } from './api-client.js';

/** The postures and visibility that a cluster's namespaces and settings specify. */
export class ClusterSettings {
  #warnings: readonly string[] = [];
  #unknown: readonly UnknownSetting[] = [];

  constructor(
    readonly policies: Pick<PolicyRegistry, 'syncAnnotatedPostures' | 'annotatedPostures'>,
    readonly visibility: Pick<VisibilityRegistry, 'syncAnnotated'> | undefined,
    readonly logger: SourceLogger,
  ) {}

  /** Settings that are not followed, for operators. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** The same, by the objects that contain them. */
  get unknown(): readonly UnknownSetting[] {
    return this.#unknown;
  }

  /**
   * Brings the settings into force. @returns whether the settings that are not followed have changed @throws Failure if
   * that is not possible
   */
  async bring(namespaces: readonly KubernetesObject[], settings: readonly SettingsObject[]): Promise<boolean> {
    const postures = posturesOf(namespaces, settings, this.policies.annotatedPostures());
    const visible = visibilityIn(namespaces, settings);
    const warnings = [...postures.warnings, ...visible.warnings];
    for (const warning of warnings) if (!this.#warnings.includes(warning)) this.logger.warn({}, warning);
    const isNews = warnings.join() !== this.#warnings.join();
    this.#warnings = warnings;
    this.#unknown = [...postures.unknown, ...visible.unknown];
    await this.policies.syncAnnotatedPostures(postures.postures);
    await this.visibility?.syncAnnotated(visible.visibility);
    return isNews;
  }
}
