import { IntakeCounts } from '../../src/control/intake-counts.js';
import type { SecurityEvent } from '../../src/events/event.js';
import { COUNTERS, type Counter } from '../../src/kernel/counters.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { InMemoryControlPlane } from '../../test/support/in-memory-control-plane.js';
import { makeEvent } from '../../test/unit/events/support.js';

const HOUR = 3_600_000;

/** What the kernel counts per second. */
const PER_SECOND: Partial<Record<Counter, number>> = {
  'file.Allow': 38,
  'file.Audit': 1.5,
  'process.Allow': 6,
  'network.Allow': 14,
  'network.Audit': 2,
  'capabilities.Allow': 1.2,
  'refused.too-long': 0.05,
  'dropped.suppressed': 0.2,
  'dropped.unrecorded': 0.1,
};

/** What is refused per second. */
const REFUSED: readonly (Pick<SecurityEvent, 'containerName' | 'namespace' | 'policy' | 'rule' | 'class'> & {
  readonly perSecond: number;
})[] = [
  {
    containerName: 'web-1',
    namespace: 'shop',
    policy: 'credentials',
    rule: 'file.matchPaths[0]',
    class: 'file',
    perSecond: 1.4,
  },
  {
    containerName: 'web-2',
    namespace: 'shop',
    policy: 'credentials',
    rule: 'file.matchPaths[0]',
    class: 'file',
    perSecond: 0.5,
  },
  {
    containerName: 'web-1',
    namespace: 'shop',
    policy: 'no-shells',
    rule: 'process.matchPaths[0]',
    class: 'process',
    perSecond: 0.7,
  },
  {
    containerName: 'worker',
    namespace: 'jobs',
    policy: 'credentials',
    rule: 'file.matchDirectories[2]',
    class: 'file',
    perSecond: 0.3,
  },
  {
    containerName: 'worker',
    namespace: 'jobs',
    policy: 'cloud-metadata',
    rule: 'network.matchEndpoints[0]',
    class: 'network',
    perSecond: 0.25,
  },
  { containerName: 'database', namespace: 'shop', policy: 'DefaultPosture', rule: '', class: 'file', perSecond: 0.08 },
];

/** The metrics of a simulated hauberkd, with data for every panel. */
export class Figures {
  readonly #plane = new InMemoryControlPlane();
  readonly #intake = new IntakeCounts();
  readonly #repairs = { pinsAndSettings: 0, containers: 0 };
  readonly #counted = Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Record<Counter, number>;
  #delivered = 0;
  #reported = 0;
  #omitted = 0;
  #seconds = 0;

  readonly metrics = new Metrics({
    status: () => ({
      ...this.#plane.host.status(),
      version: '0.1.0',
      kernelRelease: '6.1.0-56-amd64',
      policies: 12 + Math.floor(this.#seconds / 60),
      containers: 23,
      images: 7,
      sources: [
        {
          name: 'docker',
          address: '/var/run/docker.sock',
          connected: true,
          reason: '',
          containers: 23,
        },
      ],
    }),
    intake: this.#intake,
    repairs: this.#repairs,
    held: () => ({ files: this.#seconds < 90 ? 3 : 1, containers: 1 }),
    protectedContainers: () => ({ hook: 14, event: this.#seconds < 60 ? 7 : 8, registered: 1 }),
    overriddenContainers: () => ({ audited: 1, disabled: 0 }),
    kernelCounters: () => this.#whole(),
    recursionMisses: () => new Map([['hauberk_open', this.#seconds > 120 ? 2 : 0]]),
    ringWakeUps: () => Math.floor(this.#delivered / 3),
    eventCounts: () => ({
      published: this.#delivered,
      delivered: this.#delivered,
      missed: 0,
      subscribers: this.#seconds < 45 ? 1 : 2,
    }),
    undecodableRecords: () => 0,
    forgottenAccesses: () => 0,
    lostAccesses: () => 0,
    telemetry: () => ({ reported: Math.floor(this.#reported), dropped: Math.floor(this.#reported / 9), missed: 0 }),
    visibleContainers: () => 4,
    runningProfiles: () => (this.#seconds < 150 ? 1 : 0),
    policies: () => [],
    eventsWithoutDetails: () => Math.floor(this.#omitted),
    exports: () => [],
  });

  /** Advances the simulated time. */
  pass(seconds: number): void {
    this.#seconds += seconds;
    // The load varies.
    const share = seconds * (1 + 0.6 * Math.sin(this.#seconds / 25) + 0.3 * Math.random());
    for (const [name, rate] of Object.entries(PER_SECOND)) this.#counted[name as Counter] += rate * share;
    for (const each of REFUSED) this.#refuse(each, each.perSecond * share);
    this.#reported += 3 * share;
    this.#omitted += 0.05 * share;
    if (Math.random() < 0.3 * share) this.#startContainer();
    this.#call(share);
  }

  #refuse(what: (typeof REFUSED)[number], expected: number): void {
    const { perSecond: _, ...described } = what;
    const count = Math.floor(expected) + (Math.random() < expected % 1 ? 1 : 0);
    const now = BigInt(Date.now()) * 1_000_000n;
    const delay = BigInt(Math.round(200_000 + 1_500_000 * Math.random() ** 4));
    const event = makeEvent({
      ...described,
      policyNamespace: described.namespace,
      action: 'Block',
      result: 'denied',
      time: now - delay,
    });
    this.metrics.observeEvents(
      Array.from({ length: count }, () => event),
      now,
    );
    this.#counted[`${described.class!}.Block` as Counter] += count;
    this.#delivered += 2 * count;
  }

  #startContainer(): void {
    this.#intake.starts[Math.random() < 0.8 ? 'protected' : 'ignored']++;
    if (Math.random() < 0.1) {
      this.#intake.retries++;
      this.#intake.failures.lookup++;
      this.#intake.refusedStarts++;
    }
    if (Math.random() < 0.05) this.#repairs.pinsAndSettings++;
  }

  #call(share: number): void {
    const { rpc } = this.metrics;
    for (const [service, method, rate, milliseconds] of CALLS) {
      if (Math.random() < rate * share)
        rpc.requestEnded(`/hauberk.v1.${service}/${method}`, 'OK', (milliseconds * (0.5 + Math.random())) / 1000);
    }
    if (Math.random() < 0.1 * share) this.metrics.observeApply(0.008 + 0.03 * Math.random() ** 2);
    if (Math.random() < 0.02 * share) rpc.refused('no_role');
    rpc.certificatesInUse({ server: Date.now() + 41 * 24 * HOUR, clientCa: Date.now() + 300 * 24 * HOUR });
  }

  /** Rounded down, since the kernel's counters are integers. */
  #whole(): Record<Counter, number> {
    return Object.fromEntries(
      Object.entries(this.#counted).map(([name, value]) => [name, Math.floor(value)]),
    ) as Record<Counter, number>;
  }
}

const CALLS = [
  ['HostService', 'GetStatus', 0.8, 1],
  ['ContainerService', 'ListContainers', 0.4, 4],
  ['PolicyService', 'ApplyPolicy', 0.1, 30],
] as const;
