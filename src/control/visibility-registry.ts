import type { Container } from '../containers/container.js';
import { Failure } from '../failure.js';
import { type Visibility, type VisibilityScope, type VisibilitySetting, visibilityKey } from '../policy/visibility.js';
import type { Ledger, Outcome } from './ledger.js';
import { type PolicySettings, visibilityOf } from './resolution.js';
import { annotatedVisibilityChange, visibilityChange } from './visibility.js';

/** Bounded, since selectors are compared with each container. */
export const VISIBILITY_SETTINGS_MAX = 1024;

/** Whose accesses are reported although no policy covers them. */
export class VisibilityRegistry {
  constructor(
    readonly ledger: Ledger,
    readonly settings: Pick<PolicySettings, 'visibility'>,
  ) {}

  /** What applies where nothing else is set. */
  get defaults(): Visibility {
    return this.settings.visibility ?? [];
  }

  /**
   * Sets the visibility on behalf of a client.
   *
   * @param classes undefined: nothing any more
   * @throws Failure resource-exhausted when clients have made too many settings
   */
  set(scope: Omit<VisibilityScope, 'origin'>, classes: Visibility | undefined): Promise<Outcome<void>> {
    const setting = { ...scope, origin: 'rpc', classes } as const;
    return this.ledger.change((current) => {
      const count = [...current.visibility.values()].filter(({ origin }) => origin === 'rpc').length;
      const isNew = classes !== undefined && !current.visibility.has(visibilityKey(setting));
      if (isNew && count >= VISIBILITY_SETTINGS_MAX) {
        const message = `there are already ${count} settings of visibility, reset some`;
        throw new Failure('resource-exhausted', message);
      }
      return visibilityChange(current, [setting]);
    });
  }

  /** Replaces what annotations set for namespaces. */
  syncAnnotated(byNamespace: ReadonlyMap<string, Visibility>): Promise<Outcome<void>> {
    return this.ledger.change((current) => annotatedVisibilityChange(current, byNamespace));
  }

  /** Sorted by namespace, those of clients first. */
  list(): VisibilitySetting[] {
    const keyOf = (each: VisibilitySetting) =>
      `${each.namespace} ${each.origin === 'rpc' ? 0 : 1} ${visibilityKey(each)}`;
    return [...this.ledger.desired.visibility.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  }

  /** Those of which something is visible. */
  countContainers(): number {
    const { desired } = this.ledger;
    const isVisible = (container: Container) => visibilityOf(container, desired, this.settings).length > 0;
    return [...desired.containers.values()].filter(isVisible).length;
  }

  /** The visible classes of a container. @throws Failure not-found */
  of(containerId: string): Visibility {
    const { desired } = this.ledger;
    const container = desired.containers.get(containerId);
    if (container === undefined) throw this.ledger.notFound(`container ${containerId}`);
    return visibilityOf(container, desired, this.settings);
  }
}
