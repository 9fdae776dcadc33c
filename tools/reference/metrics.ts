import type { HostStatus } from '../../src/control/host-state.js';
import { IntakeCounts } from '../../src/control/intake-counts.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { code, table } from './sections.js';

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames: readonly string[];
}

const notCalled = (): never => {
  throw new Error('descriptions of metrics need no values');
};

/** All metrics of Hauberk. */
export function metricTable(): string {
  const { registry } = new Metrics({
    status: () => ({ version: '', kernelRelease: '' }) as HostStatus,
    intake: new IntakeCounts(),
    repairs: { pinsAndSettings: 0, containers: 0 },
    protectedContainers: notCalled,
    overriddenContainers: notCalled,
    kernelCounters: notCalled,
    recursionMisses: notCalled,
    ringWakeUps: notCalled,
    eventCounts: notCalled,
    undecodableRecords: notCalled,
    forgottenAccesses: notCalled,
    lostAccesses: notCalled,
    runningProfiles: notCalled,
    policies: () => [],
  });
  const own = (registry.getMetricsAsArray() as unknown as Described[])
    .filter(({ name }) => name.startsWith('hauberk_'))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
  return table(
    ['metric', 'type', 'labels', 'meaning'],
    own.map(({ name, type, labelNames, help }) => [code(name), type, labelNames.map(code).join(', '), help]),
  );
}
