import type { Config } from './config/config.js';
import type { Container, NamespacePair } from './containers/container.js';
import type { Enforcement } from './control/enforcement.js';
import type { Ledger } from './control/ledger.js';
import type { Recordings } from './control/recordings.js';
import { visibilityOf } from './control/resolution.js';
import { Telemetry } from './control/telemetry.js';
import { DetailsLookup, type HostIdentity } from './events/details.js';
import { describeTelemetry } from './events/telemetry.js';
import { clockOffset } from './kernel/clock.js';
import type { Enforcer } from './kernel/enforcer.js';
import { newEncoder } from './rpc/event-message.js';

export interface TelemetryFlowParts {
  readonly config: Config;
  readonly kernel: Enforcer;
  readonly ledger: Ledger;
  readonly enforcement: Enforcement;
  readonly recordings: Recordings;
  readonly host: HostIdentity;
  /** Nanoseconds since the Unix epoch. */
  readonly now: () => bigint;
}

/** Reports allowed accesses, beside the profiles that use the same counts of the kernel. */
export function openTelemetry(parts: TelemetryFlowParts): Telemetry {
  const { config, kernel, ledger, enforcement, recordings, host, now } = parts;
  const containerOf = (namespaces: NamespacePair) => ledger.containerAt(namespaces);
  const visibleOf = (container: Container) => visibilityOf(container, ledger.desired, enforcement.rules.settings);
  // Separate, so that a flood of telemetry does not use up the look-ups for denials.
  const details = new DetailsLookup(host);
  const context = { containerOf, ruleOf: enforcement.ruleOf.bind(enforcement), details };
  const telemetry = new Telemetry(
    { windowSeconds: config.telemetryWindow, perWindow: config.telemetryLimit },
    {
      containerOf,
      visibilityOf: visibleOf,
      isLearning: (key) => recordings.isLearning(key),
      counts: kernel.accesses,
      describe: (record) => describeTelemetry(record, { ...context, clockOffset: clockOffset() }),
      encoder: newEncoder(),
      now,
    },
  );
  recordings.beforeRecordingChanges = (key) => telemetry.settle(key);
  recordings.visibilityOf = visibleOf;
  return telemetry;
}
