import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Protection } from '../containers/container.js';
import type { HostStatus } from '../control/host-state.js';
import { type IntakeCounts, START_ANSWERS } from '../control/intake-counts.js';
import type { RepairCounts } from '../control/integrity-watch.js';
import { UNPROTECTED_CAUSES, type UnprotectedCause } from '../control/protection.js';
import { STORE_PROBLEMS } from '../control/store-status.js';
import type { SecurityEvent } from '../events/event.js';
import type { EventCounts } from '../events/hub.js';
import type { Counter as KernelCounter } from '../kernel/counters.js';
import { whatIsNotInForce } from '../kernel/missing-hooks.js';
import { RULE_CLASSES } from '../policy/model.js';
import type { OverrideMode } from '../policy/override.js';
import { Denials, type Named } from './denials.js';
import { RpcMetrics } from './rpc-metrics.js';

/** Where values are read when Prometheus scrapes. */
export interface MetricSources {
  status(): HostStatus;
  /** What happened with the containers that sources reported. */
  readonly intake: IntakeCounts;
  readonly repairs: RepairCounts;
  /** How many files processes hold from before their policies. */
  held?(): { readonly files: number; readonly containers: number };
  /** By how they came under their policies. */
  protectedContainers(): Readonly<Record<Protection['by'], number>>;
  overriddenContainers(): Readonly<Record<OverrideMode, number>>;
  kernelCounters(): Record<KernelCounter, number>;
  recursionMisses(): Map<string, number>;
  ringWakeUps(): number;
  eventCounts(): EventCounts;
  undecodableRecords(): number;
  /** Events of containers that are silent: see AlertThrottle. */
  throttledEvents?(): number;
  forgottenAccesses(): number;
  lostAccesses(): number;
  telemetry?(): { readonly reported: number; readonly dropped: number; readonly missed: number };
  /** Containers of which something is visible. */
  visibleContainers?(): number;
  runningProfiles(): number;
  policies(): Iterable<Named>;
  containers?(): Iterable<Named>;
  /** Connections to the metrics port that were closed because there were too many. */
  closedConnections?(): number;
  /** Events that the disk did not take; absent where there is no journal. */
  unjournaledEvents?(): number;
  /** Events without details from the process table, because too many came at once. */
  eventsWithoutDetails?(): number;
  /** Destinations of exported events, and whether they work now. */
  exports?(): readonly { readonly name: string; readonly isWorking: boolean; readonly refused: number }[];
}

const APPLY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** What the kernel reports about a decision. */
const OUTCOMES = [
  { action: 'allow', result: 'passed' },
  { action: 'audit', result: 'passed' },
  { action: 'block', result: 'passed' },
  { action: 'block', result: 'denied' },
];
const LATENCY_BUCKETS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1];

/** All metrics of Hauberk for Prometheus. */
export class Metrics {
  readonly registry = new Registry();
  readonly #applyDuration: Histogram;
  readonly #eventLatency: Histogram;
  readonly #events: Counter;
  readonly #denials: Denials;
  readonly rpc = new RpcMetrics(this.registry);

  constructor(sources: MetricSources) {
    const registers = [this.registry];
    this.#applyDuration = new Histogram({
      name: 'hauberk_apply_duration_seconds',
      help: 'Time a change took, from the call to the last map update.',
      buckets: APPLY_BUCKETS,
      registers,
    });
    this.#eventLatency = new Histogram({
      name: 'hauberk_event_latency_seconds',
      help: 'Time from the decision in the kernel until the event was handed to the streams.',
      buckets: LATENCY_BUCKETS,
      registers,
    });
    this.#events = new Counter({
      name: 'hauberk_events_total',
      help: 'Events read from the kernel.',
      labelNames: ['class', 'action', 'result'],
      registers,
    });
    for (const each of RULE_CLASSES) for (const outcome of OUTCOMES) this.#events.inc({ class: each, ...outcome }, 0);
    this.#denials = new Denials(this.registry, sources.policies, sources.containers ?? (() => []));
    // process_* and nodejs_*, the delay of the event loop among them.
    collectDefaultMetrics({ register: this.registry });
    // Left out: gauges named like counters; the series by type beside them add up to the same.
    for (const each of ['handles', 'requests', 'resources'])
      this.registry.removeSingleMetric(`nodejs_active_${each}_total`);
    this.#addState(sources);
    this.#addKernel(sources);
    this.#addStreams(sources);
    this.#addIntake(sources);
  }

  observeApply(seconds: number): void {
    this.#applyDuration.observe(seconds);
  }

  /** @param now nanoseconds since the Unix epoch */
  observeEvents(events: readonly SecurityEvent[], now: bigint): void {
    for (const event of events) {
      const { class: ruleClass, action, result, time } = event;
      if (ruleClass === undefined || action === undefined || result === undefined) continue;
      this.#events.inc({ class: ruleClass, action: action.toLowerCase(), result });
      this.#denials.observe(event);
      this.#eventLatency.observe(Math.max(0, Number(now - time) / 1e9));
    }
  }

  #addState(sources: MetricSources): void {
    const { status, protectedContainers, overriddenContainers, runningProfiles, closedConnections } = sources;
    const { version, kernelRelease } = status();
    this.#gauge('build_info', 'Version of hauberkd and release of the kernel.', ['version', 'kernel'], () => [
      [{ version, kernel: kernelRelease }, 1],
    ]);
    this.#gauge('enforcing', '1 while programs are attached and the maps agree with the policies.', [], () => [
      [{}, Number(status().enforcing)],
    ]);
    const missing = '1 for each class and operation that is not, or not fully, enforced because a hook is missing.';
    this.#gauge('missing_hooks', missing, ['hook', 'class', 'operation', 'cause'], () =>
      status().missingHooks.flatMap((each) =>
        whatIsNotInForce(each).map((operation) => [{ hook: each.hook, ...operation, cause: each.cause }, 1] as const),
      ),
    );
    this.#gauge('store_problem', '1 while changes cannot be stored, for this cause.', ['cause'], () =>
      STORE_PROBLEMS.map((cause) => [{ cause }, Number(status().storeProblem?.cause === cause)]),
    );
    const closed = 'Connections to the metrics port that were closed because there were too many.';
    this.#counter('metrics_connections_closed_total', closed, [], () => [[{}, closedConnections?.() ?? 0]]);
    this.#gauge('policies', 'Policies held.', [], () => [[{}, status().policies]]);
    this.#gauge('containers', 'Containers known.', [], () => [[{}, status().containers]]);
    this.#gauge('profiles_running', 'Profiles that are running.', [], () => [[{}, runningProfiles()]]);
    this.#gauge('images', 'Policy images in the kernel.', [], () => [[{}, status().images]]);
    this.#gauge('source_connected', '1 while a source of containers is connected.', ['source', 'address'], () =>
      status().sources.map(({ name, address, connected }) => [{ source: name, address }, Number(connected)]),
    );
    this.#gauge('containers_protected', 'Containers under their policies, by how they came under them.', ['by'], () =>
      Object.entries(protectedContainers()).map(([by, value]) => [{ by }, value]),
    );
    const overridden = 'Containers of pods whose annotation sets their policies to audited or disabled.';
    this.#gauge('containers_overridden', overridden, ['mode'], () =>
      Object.entries(overriddenContainers()).map(([mode, value]) => [{ mode }, value]),
    );
    const help = 'Known containers that are not, or not fully, under their policies, by cause.';
    this.#gauge('containers_unprotected', help, ['cause'], () => {
      const { unprotected, leftOut } = status();
      const count = (cause: UnprotectedCause) => unprotected.filter((each) => each.cause === cause).length;
      const leftOutOf = (cause: UnprotectedCause) => (cause === 'too_large' ? leftOut.size : 0);
      return UNPROTECTED_CAUSES.map((cause) => [{ cause }, count(cause) + leftOutOf(cause)]);
    });
  }

  #addKernel({ kernelCounters, recursionMisses, ringWakeUps }: MetricSources): void {
    const select = (prefix: string) =>
      Object.entries(kernelCounters()).filter(([name]) => name.startsWith(`${prefix}.`));
    this.#counter('decisions_total', 'Decisions of the kernel on accesses in containers.', ['class', 'action'], () =>
      RULE_CLASSES.flatMap(select).map(([name, value]) => {
        const [ruleClass = '', action = ''] = name.split('.');
        return [{ class: ruleClass, action: action.toLowerCase() }, value];
      }),
    );
    this.#counter(
      'refusals_total',
      "Accesses that were refused without a policy: undecidable, or to Hauberk's own objects (protected).",
      ['cause'],
      () =>
        select('refused')
          .filter(([name]) => name !== 'refused.resolved')
          .map(([name, value]) => [{ cause: name.slice('refused.'.length).replaceAll('-', '_') }, value]),
    );
    this.#counter('task_storage_failures_total', 'Tasks refused because kernel memory was exhausted.', [], () => [
      [{}, kernelCounters()['task-storage-failed']],
    ]);
    this.#counter('answers_unread_total', 'DNS answers from which no addresses could be learnt.', [], () => [
      [{}, kernelCounters()['answer-unread']],
    ]);
    this.#counter(
      'names_forgotten_total',
      'Addresses of names that did not fit into the share of their container, or were dropped for newer ones.',
      [],
      () => [[{}, kernelCounters()['name-forgotten']]],
    );
    this.#counter('program_recursion_misses_total', 'Program runs that the kernel skipped.', ['program'], () =>
      [...recursionMisses()].map(([program, value]) => [{ program }, value]),
    );
    this.#counter('ring_wakeups_total', 'Times the kernel woke the reader of events.', [], () => [[{}, ringWakeUps()]]);
  }

  #addStreams({
    eventCounts,
    kernelCounters,
    undecodableRecords,
    throttledEvents = () => 0,
    forgottenAccesses,
    lostAccesses,
    telemetry = () => ({ reported: 0, dropped: 0, missed: 0 }),
    visibleContainers = () => 0,
    unjournaledEvents,
    eventsWithoutDetails = () => 0,
    exports = () => [],
  }: MetricSources): void {
    this.#gauge('event_streams', 'Open event streams.', [], () => [[{}, eventCounts().subscribers]]);
    this.#counter('events_delivered_total', 'Events handed to streams.', [], () => [[{}, eventCounts().delivered]]);
    this.#counter('events_dropped_total', 'Events lost, by cause.', ['cause'], () => [
      [{ cause: 'ring_full' }, kernelCounters()['dropped.ring-full']],
      [{ cause: 'rate_limit' }, kernelCounters()['dropped.suppressed']],
      [{ cause: 'speculative' }, kernelCounters()['dropped.speculative']],
      [{ cause: 'no_buffer' }, kernelCounters()['dropped.no-buffer']],
      [{ cause: 'stream_slow' }, eventCounts().missed],
      [{ cause: 'undecodable' }, undecodableRecords()],
      ...(unjournaledEvents === undefined ? [] : [[{ cause: 'journal' }, unjournaledEvents()] as const]),
      [{ cause: 'throttled' }, throttledEvents()],
      [{ cause: 'export_refused' }, exports().reduce((sum, { refused }) => sum + refused, 0)],
    ]);
    const bare = 'Events without details from the process table, because too many processes started at once.';
    this.#counter('events_without_details_total', bare, [], () => [[{}, eventsWithoutDetails()]]);
    this.#gauge('export_working', '1 while events can be exported there.', ['place'], () =>
      exports().map(({ name, isWorking }) => [{ place: name }, Number(isWorking)]),
    );
    const visible = 'Containers whose allowed accesses are reported.';
    this.#gauge('containers_visible', visible, [], () => [[{}, visibleContainers()]]);
    this.#counter('telemetry_told_total', 'Distinct allowed accesses that were reported, once per window.', [], () => [
      [{}, telemetry().reported],
    ]);
    this.#counter(
      'telemetry_dropped_total',
      'Accesses of visible containers that were not reported, by cause.',
      ['cause'],
      () => [
        [{ cause: 'limit' }, telemetry().dropped],
        [{ cause: 'stream_slow' }, telemetry().missed],
      ],
    );
    this.#counter('accesses_dropped_total', 'Kinds of access that were not recorded, by cause.', ['cause'], () => [
      [{ cause: 'profile_full' }, kernelCounters()['dropped.unrecorded']],
      [{ cause: 'memory_full' }, forgottenAccesses()],
      [{ cause: 'restart' }, lostAccesses()],
    ]);
  }

  #addIntake({ intake, repairs, held = () => ({ files: 0, containers: 0 }) }: MetricSources): void {
    const heldHelp =
      'Open files that policies refuse which were applied later; containers in which every open file is decided at each use.';
    this.#gauge('held_descriptors', heldHelp, ['of'], () => {
      const { files, containers } = held();
      return [
        [{ of: 'files' }, files],
        [{ of: 'containers' }, containers],
      ];
    });
    const changed = 'Changes that others made to the enforcement in the kernel and that were repaired.';
    this.#counter('kernel_repairs_total', changed, ['what'], () => [
      [{ what: 'pins_and_settings' }, repairs.pinsAndSettings],
      [{ what: 'containers' }, repairs.containers],
    ]);
    const help = 'Container starts that waited for an answer, by the answer that the hook or NRI got.';
    this.#counter('starts_total', help, ['answer'], () =>
      START_ANSWERS.map((answer) => [{ answer }, intake.starts[answer]]),
    );
    this.#counter(
      'starts_refused_total',
      'Container starts that were refused because the container could not be protected.',
      [],
      () => [[{}, intake.refusedStarts]],
    );
    const alone =
      'Container starts that went on without protection: hauberkd did not answer in time, could not protect, or was not asked.';
    this.#counter('starts_without_protection_total', alone, [], () => [[{}, intake.startsWithoutProtection]]);
    this.#counter('intake_failures_total', 'Attempts to protect a container that failed, by cause.', ['cause'], () =>
      UNPROTECTED_CAUSES.map((cause) => [{ cause }, intake.failures[cause]]),
    );
    this.#counter('intake_retries_total', 'Attempts to protect a container made again after a failure.', [], () => [
      [{}, intake.retries],
    ]);
    this.#counter('hook_requests_rejected_total', "Requests on the hook's socket that could not be read.", [], () => [
      [{}, intake.rejectedRequests],
    ]);
  }

  #gauge(name: string, help: string, labelNames: string[], read: () => Samples): void {
    new Gauge({
      name: `hauberk_${name}`,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  /** A counter that is counted elsewhere and read at each scrape. */
  #counter(name: string, help: string, labelNames: string[], read: () => Samples): void {
    new Counter({
      name: `hauberk_${name}`,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  }
}

type Samples = ReadonlyArray<readonly [Record<string, string>, number]>;
