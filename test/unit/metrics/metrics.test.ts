import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IntakeCounts } from '../../../src/control/intake-counts.js';
import { COUNTERS, type Counter } from '../../../src/kernel/counters.js';
import { Metrics } from '../../../src/metrics/metrics.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { makeEvent } from '../events/support.js';

function metricsOf(counted: Partial<Record<Counter, number>> = {}) {
  const { host, kernel } = new InMemoryControlPlane();
  const intake = new IntakeCounts();
  const zero = Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Record<Counter, number>;
  const metrics = new Metrics({
    status: () => host.status(),
    intake,
    repairs: { pinsAndSettings: 7, containers: 8 },
    held: () => ({ files: 13, containers: 1 }),
    protectedContainers: () => ({ hook: 3, event: 2, registered: 1 }),
    overriddenContainers: () => ({ audited: 2, disabled: 1 }),
    kernelCounters: () => ({ ...zero, ...counted }),
    recursionMisses: () => new Map([['hauberk_exec', 2]]),
    ringWakeUps: () => 5,
    eventCounts: () => ({ published: 9, delivered: 7, missed: 2, subscribers: 1 }),
    undecodableRecords: () => 4,
    throttledEvents: () => 5,
    exports: () => [
      { name: 'stdout', isWorking: true, refused: 0 },
      { name: 'otlp:http://a', isWorking: false, refused: 24 },
    ],
    forgottenAccesses: () => 10,
    lostAccesses: () => 12,
    runningProfiles: () => 1,
    telemetry: () => ({ reported: 20, dropped: 21, missed: 22 }),
    visibleContainers: () => 23,
    policies: () => [{ namespace: 'shop', name: 'web' }],
    containers: () => [{ namespace: 'shop', name: 'c0' }],
  });
  const has = async (line: string) => {
    const text = await metrics.registry.metrics();
    assert.ok(text.split('\n').includes(line), `${line} is not in:\n${text}`);
  };
  return { metrics, host, kernel, intake, has };
}

test('decisions of every class and action are reported as the kernel counts them', async () => {
  const { has } = metricsOf({ 'file.Block': 3, 'network.Audit': 2, 'capabilities.Allow': 1 });
  await has('hauberk_decisions_total{class="file",action="block"} 3');
  await has('hauberk_decisions_total{class="network",action="audit"} 2');
  await has('hauberk_decisions_total{class="capabilities",action="allow"} 1');
  await has('hauberk_decisions_total{class="process",action="allow"} 0');
});

test('a missing hook is reported for everything that it leaves uncovered', async () => {
  const { kernel, metrics, has } = metricsOf();
  assert.doesNotMatch(await metrics.registry.metrics(), /^hauberk_missing_hooks\{/mu);
  kernel.missingHooks = [{ program: 'hauberk_mmap_file', hook: 'mmap_file', cause: 'not_loaded', reason: 'R1 is bad' }];
  const cause = 'cause="not_loaded"';
  await has(`hauberk_missing_hooks{hook="mmap_file",class="file",operation="map",${cause}} 1`);
  await has(`hauberk_missing_hooks{hook="mmap_file",class="presets",operation="anonymousMapExec",${cause}} 1`);
  kernel.missingHooks = [
    { program: 'hauberk_find_rings', hook: 'task_file', cause: 'not_loaded', reason: 'R1 is bad' },
  ];
  await has(`hauberk_missing_hooks{hook="task_file",class="file",operation="read",${cause}} 1`);
});

test('losses are reported by cause', async () => {
  const { has } = metricsOf({
    'dropped.ring-full': 1,
    'dropped.suppressed': 6,
    'dropped.unrecorded': 11,
    'refused.too-long': 8,
  });
  await has('hauberk_events_dropped_total{cause="ring_full"} 1');
  await has('hauberk_events_dropped_total{cause="rate_limit"} 6');
  await has('hauberk_events_dropped_total{cause="stream_slow"} 2');
  await has('hauberk_events_dropped_total{cause="undecodable"} 4');
  await has('hauberk_events_dropped_total{cause="throttled"} 5');
  await has('hauberk_events_dropped_total{cause="export_refused"} 24');
  await has('hauberk_export_working{place="otlp:http://a"} 0');
  await has('hauberk_accesses_dropped_total{cause="memory_full"} 10');
  await has('hauberk_accesses_dropped_total{cause="profile_full"} 11');
  await has('hauberk_accesses_dropped_total{cause="restart"} 12');
  await has('hauberk_telemetry_dropped_total{cause="limit"} 21');
  await has('hauberk_telemetry_dropped_total{cause="stream_slow"} 22');
  await has('hauberk_refusals_total{cause="too_long"} 8');
  await has('hauberk_program_recursion_misses_total{program="hauberk_exec"} 2');
});

test('events are counted by class, action and result with their latency, but not summaries', async () => {
  const { metrics, has } = metricsOf();
  const event = makeEvent({ time: 1_000_000_000n });
  const summary = makeEvent({ class: undefined, action: undefined, result: undefined, suppressed: 9 });
  metrics.observeEvents([event, event, summary], 1_002_000_000n);
  metrics.observeApply(0.02);
  await has('hauberk_events_total{class="file",action="block",result="denied"} 2');
  await has('hauberk_event_latency_seconds_count 2');
  await has('hauberk_event_latency_seconds_bucket{le="0.0025"} 2');
  await has('hauberk_apply_duration_seconds_count 1');
});

test('the state of the daemon and of the sources of containers is reported', async () => {
  const { host, has } = metricsOf();
  await has('hauberk_enforcing 1');
  await has('hauberk_telemetry_told_total 20');
  await has('hauberk_containers_visible 23');
  await has('hauberk_build_info{version="1.2.3",kernel="6.1.0-test"} 1');
  const source = { name: 'docker', address: '/run/docker.sock', connected: false, reason: '', containers: 0 };
  host.setStatus({ enforcing: false, sources: [source] });
  await has('hauberk_enforcing 0');
  await has('hauberk_source_connected{source="docker",address="/run/docker.sock"} 0');
});

test('containers are counted by what protects them, and unprotected ones by cause', async () => {
  const { host, has } = metricsOf();
  await has('hauberk_containers_protected{by="hook"} 3');
  await has('hauberk_containers_overridden{mode="disabled"} 1');
  await has('hauberk_containers_unprotected{cause="store"} 0');
  const description = { id: 'c1', name: 'web', namespace: 'default', labels: {}, origin: 'docker' as const };
  host.setStatus({
    unprotected: [{ description, cause: 'store', reason: 'no space left on device', since: 1 }],
    leftOut: new Map([['c2', ['default/one']]]),
  });
  await has('hauberk_containers_unprotected{cause="store"} 1');
  await has('hauberk_containers_unprotected{cause="too_large"} 1');
});

test('starts that waited and failed attempts are counted, starting with zero', async () => {
  const { intake, has } = metricsOf();
  await has('hauberk_starts_total{answer="protected"} 0');
  await has('hauberk_intake_failures_total{cause="store"} 0');
  intake.starts.unprotected = 2;
  intake.refusedStarts = 1;
  intake.failures.store = 3;
  intake.retries = 4;
  intake.startsWithoutProtection = 5;
  intake.rejectedRequests = 6;
  await has('hauberk_starts_total{answer="unprotected"} 2');
  await has('hauberk_starts_refused_total 1');
  await has('hauberk_intake_failures_total{cause="store"} 3');
  await has('hauberk_intake_retries_total 4');
  await has('hauberk_starts_without_protection_total 5');
  await has('hauberk_hook_requests_rejected_total 6');
  await has('hauberk_kernel_repairs_total{what="containers"} 8');
  await has('hauberk_held_descriptors{of="files"} 13');
  await has('hauberk_held_descriptors{of="containers"} 1');
});

test('refusals and reloads start with zero, so that the first is an increase', async () => {
  const { metrics, has } = metricsOf();
  await has('hauberk_rpc_refused_total{reason="role"} 0');
  await has('hauberk_certificate_reloads_total{result="failed"} 0');
  metrics.rpc.refused('role');
  metrics.rpc.requestEnded('/hauberk.v1.HostService/GetStatus', 'OK');
  await has('hauberk_rpc_refused_total{reason="role"} 1');
  await has('hauberk_rpc_requests_total{method="/hauberk.v1.HostService/GetStatus",code="OK"} 1');
});

test('the process, the delay of the event loop and the time of calls are reported', async () => {
  const { metrics, has } = metricsOf();
  metrics.rpc.requestEnded('/hauberk.v1.HostService/GetStatus', 'OK', 0.003);
  metrics.rpc.requestEnded('unknown', 'UNIMPLEMENTED');
  await has('hauberk_rpc_duration_seconds_bucket{le="0.005",method="/hauberk.v1.HostService/GetStatus"} 1');
  await has('hauberk_rpc_requests_total{method="/hauberk.v1.PolicyService/ApplyPolicy",code="INTERNAL"} 0');
  await has('hauberk_events_total{class="network",action="block",result="denied"} 0');
  const text = await metrics.registry.metrics();
  for (const name of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds'])
    assert.ok(text.includes(name));
});

test('denials are counted for a limited number of namespaces and policies', async () => {
  const { metrics, has } = metricsOf();
  await has('hauberk_denials_total{namespace="shop",policy="web"} 0');
  await has('hauberk_denials_total{namespace="_others",policy="_others"} 0');
  const denied = (policy: string) => makeEvent({ namespace: 'shop', policy, result: 'denied' });
  metrics.observeEvents([denied('web'), denied('web'), makeEvent({ namespace: 'shop', result: 'passed' })], 0n);
  await has('hauberk_denials_total{namespace="shop",policy="web"} 2');
  metrics.observeEvents(
    Array.from({ length: 1000 }, (_, number) => denied(`p${number}`)),
    0n,
  );
  await has('hauberk_denials_total{namespace="shop",policy="p0"} 1');
  await has('hauberk_denials_total{namespace="_others",policy="_others"} 501');
});

test('denials are counted by rule and container, and the counts of ended containers are dropped when room is needed', async () => {
  const { metrics, has } = metricsOf();
  const denied = (rule: string, containerName: string, containerId = 'f'.repeat(64)) =>
    makeEvent({
      namespace: 'shop',
      policy: 'web',
      policyNamespace: 'shop',
      rule,
      containerName,
      containerId,
      result: 'denied',
    });
  metrics.observeEvents([denied('file.matchPaths[0]', 'c0'), denied('file.matchPaths[0]', '')], 0n);
  await has('hauberk_rule_denials_total{policy_namespace="shop",policy="web",rule="file.matchPaths[0]"} 2');
  await has('hauberk_container_denials_total{namespace="shop",container="c0"} 1');
  await has('hauberk_container_denials_total{namespace="shop",container="ffffffffffff"} 1');
  metrics.observeEvents(
    Array.from({ length: 1000 }, (_, number) => denied(`rule${number}`, `c${number}`)),
    0n,
  );
  await has('hauberk_rule_denials_total{policy_namespace="_others",policy="_others",rule="_others"} 501');
  await has('hauberk_container_denials_total{namespace="_others",container="_others"} 501');
  metrics.observeEvents([denied('rule0', 'c0'), denied('rule0', 'c999')], 0n);
  await has('hauberk_container_denials_total{namespace="shop",container="c0"} 3');
  await has('hauberk_container_denials_total{namespace="shop",container="c999"} 1');
  assert.doesNotMatch(await metrics.registry.metrics(), /container="c1"/u);
});

test('the days until a certificate expires are reported once there is one', async () => {
  const { metrics } = metricsOf();
  const read = async () => (await metrics.registry.metrics()).match(/^hauberk_certificate_days_left\{.*/gmu) ?? [];
  assert.deepEqual(await read(), []);
  const day = 24 * 60 * 60 * 1000;
  metrics.rpc.certificatesInUse({ server: Date.now() + 30.5 * day, clientCa: Date.now() - 1.5 * day });
  const days = (await read()).map((line) => Math.floor(Number(line.split(' ')[1])));
  assert.deepEqual(days, [30, -2]);
});
