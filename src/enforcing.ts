import { release } from 'node:os';
import type { Logger } from 'pino';
import type { Config } from './config/config.js';
import { policySettingsOf, posturesOf } from './config/policy-settings.js';
import { Enforcement } from './control/enforcement.js';
import { HolderSearch } from './control/holder-search.js';
import { type HostFacts, hostAsSubject } from './control/host.js';
import { filesOfHost, withLinksOfHost } from './control/host-files.js';
import { isGuarded } from './control/host-guard.js';
import { HostSubject } from './control/host-subject.js';
import { IntegrityWatch } from './control/integrity-watch.js';
import { Ledger } from './control/ledger.js';
import { desiredBy, loadStored } from './control/stored-start.js';
import type { Enforcer } from './kernel/enforcer.js';
import { explainMissing } from './kernel/missing-hooks.js';
import { describeUntested, isTested } from './kernel/tested-kernels.js';
import type { Notifier } from './notifier.js';
import { readLabels } from './policy/labels.js';
import type { Store } from './store/store.js';

export interface EnforcingParts {
  readonly config: Config;
  readonly followsCluster: boolean;
  readonly host: HostFacts;
  readonly logger: Logger;
  readonly store: Store;
  readonly kernel: Enforcer;
  readonly notifier: Notifier;
}

/** Loads what was stored, and makes the writer of changes and what enforces them. The kernel's maps stay as they are. */
export async function openEnforcing(parts: EnforcingParts) {
  const { config, followsCluster, host: found, logger, store, kernel, notifier } = parts;
  const stored = await loadStored(store, kernel, config.discardDamaged, logger);
  const earlier = new Map(stored.imageRecords.map(({ imageId, rules }) => [imageId, rules]));
  const settings = { postures: posturesOf(config), ...policySettingsOf(config) };
  const subject = new HostSubject(
    config.rescue ? undefined : hostAsSubject(found.namespaces, readLabels(config.hostLabels), found.links),
  );
  const enforcement = new Enforcement(kernel, settings, earlier, stored.lastImage, subject);
  const holders = new HolderSearch(
    kernel,
    kernel.containers(),
    (imageId, rule) => enforcement.ruleOf(imageId, rule),
    logger,
    isGuarded,
  );
  enforcement.holders = holders;
  // The last known labels of Kubernetes, until it reports new ones.
  if (followsCluster) subject.replace(subject.labelled(stored.hostLabels ?? {}));
  const desired = desiredBy(stored, kernel);
  const files = filesOfHost(found.root);
  const labelled = subject.current;
  if (labelled !== undefined) subject.replace(withLinksOfHost(labelled, desired.policies, subject, files));
  const ledger = new Ledger(
    enforcement,
    store,
    { desired, revision: stored.revision },
    (seconds) => notifier.emit('applied', seconds),
    () => notifier.emit('changed'),
  );
  const integrity = new IntegrityWatch(kernel, enforcement, ledger, logger, () => notifier.emit('status'));
  store.onStatus = () => {
    const { problem } = store;
    if (problem === undefined) logger.info({ stateDir: config.stateDir }, 'the state can be written again');
    else logger.error({ err: problem }, problem.message);
    notifier.emit('status');
  };
  for (const missing of kernel.missingHooks) logger.warn(explainMissing(missing));
  if (!isTested(release())) logger.info(describeUntested(release()));
  return { stored, settings, subject, enforcement, holders, files, ledger, integrity };
}
