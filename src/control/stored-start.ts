import type { Container } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import { whereProcessesLive } from '../containers/procfs.js';
import type { Enforcer } from '../kernel/enforcer.js';
import { policyKey } from '../policy/model.js';
import { PolicySet } from '../policy/policy-set.js';
import { visibilityKey } from '../policy/visibility.js';
import type { Store, StoredState } from '../store/store.js';
import { stillRunning } from './container-tracker.js';
import type { DesiredState } from './desired-state.js';
import type { Ledger } from './ledger.js';

interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Reads the stored state. If it is damaged, what can be read is known until the state is restored, but nothing of it
 * goes into the kernel.
 *
 * @param discardsDamage whether to continue with what can be read
 */
export async function loadStored(
  store: Store,
  kernel: Pick<Enforcer, 'newestImage'>,
  discardsDamage: boolean,
  logger: Logger,
): Promise<StoredState> {
  const state = await store.load(kernel.newestImage());
  for (const remark of state.remarks) logger.warn({ stateDir: store.directory }, `the stored state: ${remark}`);
  if (store.witnessProblem !== undefined) logger.warn({ stateDir: store.directory }, store.witnessProblem);
  if (state.damage.length === 0) return state;
  if (!discardsDamage) {
    logger.error({ damage: state.damage }, store.problem!.message);
    return state;
  }
  const kept = await store.discardDamage();
  const { policies, containers } = state;
  const counts = { policies: policies.length, containers: containers.length, kept };
  logger.error({ damage: state.damage, ...counts }, 'the stored state was damaged: continuing with what could be read');
  return { ...state, damage: [], keepsUnknown: true };
}

/** The desired state that is stored. If it is damaged, containers are trusted only if the kernel decides for them. */
export function desiredBy(stored: StoredState, kernel: Pick<Enforcer, 'containers'>): DesiredState {
  const running = stillRunning(stored.containers);
  const held = stored.damage.length === 0 ? undefined : new Set(kernel.containers().map(namespaceKey));
  const believed = running.filter(({ namespaces }) => held?.has(namespaceKey(namespaces)) ?? true);
  return {
    policies: PolicySet.empty.with(stored.policies.map(({ policy }) => policy)),
    versions: new Map(stored.policies.map(({ policy, version }) => [policyKey(policy), version])),
    containers: new Map(believed.map((container: Container) => [container.id, container])),
    postures: new Map(stored.postures.map(({ namespace, postures }) => [namespace, postures])),
    profiles: new Map(stored.profiles.map((profile) => [profile.name, profile])),
    visibility: new Map(stored.visibility.map((setting) => [visibilityKey(setting), setting])),
  };
}

/**
 * Brings the kernel into agreement with what is stored, at once or, where that is damaged, after it was restored. Until
 * then what the kernel holds stays as it is.
 */
export class StoredStart {
  #isWaiting = false;

  constructor(
    readonly stored: StoredState,
    readonly store: Pick<Store, 'damage' | 'commit'>,
    readonly kernel: Pick<Enforcer, 'containers'>,
    readonly ledger: Pick<Ledger, 'start' | 'desired' | 'revision' | 'enforcedRevision' | 'containerAt'>,
    /** What is to be done once the kernel is in agreement. */
    readonly resume: () => Promise<void>,
    readonly logger: Logger,
  ) {}

  async start(): Promise<void> {
    if (this.stored.damage.length > 0) {
      this.#isWaiting = true;
      return;
    }
    const { containers } = this.ledger.desired;
    const ended = this.stored.containers.filter(({ id }) => !containers.has(id)).map(({ id }) => id);
    await this.ledger.start(ended, this.stored.keepsUnknown ? whereProcessesLive() : undefined);
    if (this.stored.keepsUnknown && this.#unknown() === 0) await this.store.commit({ keepsUnknown: false });
    await this.resume();
  }

  /** To be called after each change. */
  async changed(): Promise<void> {
    const { revision, enforcedRevision } = this.ledger;
    if (!this.#isWaiting || this.store.damage.length > 0 || revision !== enforcedRevision) return;
    this.#isWaiting = false;
    this.logger.info({ revision, unknownContainers: this.#unknown() }, 'the stored state is restored');
    await this.resume();
  }

  /** How many containers the kernel decides for that nobody has reported. */
  #unknown(): number {
    return this.kernel.containers().filter((each) => this.ledger.containerAt(each) === undefined).length;
  }
}
