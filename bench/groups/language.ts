import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type HauberkClient } from '../../src/client/index.js';
import { EventHub } from '../../src/events/hub.js';
import { compileImage } from '../../src/image/compile.js';
import type { Image } from '../../src/image/image.js';
import { classifyProgram } from '../../src/image/walk.js';
import { releaseKernelImage } from '../../src/kernel/images.js';
import { resolveRules } from '../../src/policy/rule-set.js';
import { startServer } from '../../src/rpc/server.js';
import { createServices } from '../../src/rpc/services.js';
import { InMemoryControlPlane } from '../../test/support/in-memory-control-plane.js';
import { socketKey } from '../../test/support/object-key.js';
import type { Group, Recorder } from '../figures.js';
import { BenchObject, MatchTimer } from '../support/bench-object.js';
import { timeMatches } from '../support/match-timing.js';
import { blockOf, MIX_LABELS, mixedManifest, mixedPolicies, sourceProgram } from '../support/mix.js';
import { progress } from '../support/progress.js';
import { exactPath, missedPath, POSTURES } from '../support/rules.js';
import { median } from '../support/statistics.js';

const POLICIES = 500;
/** The index of a policy that blocks. */
const NAMED = 123;
const NEVER_TOO_MANY = 1_000_000;

/** The cost of the whole language: hundreds of policies with rules of every kind, all of which reach one container. */
export const languageGroup: Group = {
  figures: [
    ...(['compile_s_mix_500', 'match_ns_mix_500_hit', 'match_ns_mix_500_miss', 'match_ns_mix_500_socket'] as const),
    ...(['apply_s_mix_500', 'explain_ms_500_policies'] as const),
  ],
  async measure({ quick, wants }, record) {
    const image = compile(quick ? 1 : 7, record);
    match(image, quick ? 11 : 201, record);
    if (wants('apply_s_mix_500') || wants('explain_ms_500_policies')) await serve(quick, record);
  },
};

function compile(passes: number, record: Recorder): Image {
  const policies = mixedPolicies(POLICIES);
  const bound = policies.flatMap((policy) => policy.rules.map((rule) => ({ policy, rule })));
  progress(`language: ${bound.length} rules of ${POLICIES} policies, compiled ${passes} times`);
  const ruleSet = resolveRules(bound, POSTURES);
  const seconds = Array.from({ length: passes }, () => {
    const began = performance.now();
    compileImage(ruleSet);
    return (performance.now() - began) / 1000;
  });
  record('compile_s_mix_500', median(seconds));
  return compileImage(ruleSet);
}

function match(image: Image, passes: number, record: Recorder): void {
  const object = new BenchObject();
  const timer = new MatchTimer(object);
  const loaded = timer.load(image);
  const programClass = classifyProgram(image.words, Buffer.from(sourceProgram(NAMED)));
  const reading = (key: string) => ({ key, operation: 'read', programClass }) as const;
  // Family inet, type stream, protocol tcp.
  const socket = {
    family: 2,
    type: 1,
    protocol: 6,
    direction: 'egress',
    port: 8080,
    address: [...blockOf(NAMED), 7],
  } as const;
  const connection = { key: socketKey(socket), operation: 'communicate' } as const;
  timeMatches(
    timer,
    [
      { name: 'match_ns_mix_500_hit', image: loaded, access: reading(exactPath(NAMED)), action: 'Block' },
      { name: 'match_ns_mix_500_miss', image: loaded, access: reading(missedPath(NAMED)), action: 'Audit' },
      { name: 'match_ns_mix_500_socket', image: loaded, access: connection, action: 'Block' },
    ],
    passes,
    record,
  );
  releaseKernelImage(loaded);
  object.close();
}

/** The daemon's services without a kernel, and a client in this process on a Unix socket. */
async function serve(quick: boolean, record: Recorder): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-bench-'));
  const plane = new InMemoryControlPlane();
  const { services, close } = createServices({
    plane,
    hub: new EventHub(),
    descriptorSet: readFileSync('build/descriptors.binpb'),
  });
  const server = await startServer({
    listen: `unix:${join(directory, 'hauberk.sock')}`,
    services,
    logger: { info: () => undefined, warn: () => undefined, error: progressOf },
    limits: { requestsPerSecond: NEVER_TOO_MANY },
  });
  const client = connect({ address: server.address });
  try {
    const container = {
      id: 'mix',
      name: 'mix',
      namespace: 'default',
      labels: MIX_LABELS,
      origin: 'registered',
    } as const;
    await plane.tracker.register(container, { pidNamespace: 11, mountNamespace: 12 });
    await apply(client, quick ? 1 : 5, record);
    await explain(client, quick ? 10 : 200, record);
  } finally {
    client.close();
    await server.shutdown(0);
    close();
    rmSync(directory, { recursive: true });
  }
}

function progressOf(fields: object, message: string): void {
  progress(`language: ${message} ${JSON.stringify(fields)}`);
}

async function apply(client: HauberkClient, passes: number, record: Recorder): Promise<void> {
  progress(`language: ${POLICIES} policies applied ${passes} times`);
  const seconds: number[] = [];
  for (let pass = 0; pass < passes; pass++) {
    const began = performance.now();
    const source = { $case: 'manifest', value: mixedManifest(POLICIES) } as const;
    const { changes } = await client.policies.applyPolicy({ source });
    seconds.push((performance.now() - began) / 1000);
    if (!changes.every(({ containerIds }) => containerIds.length === 1)) throw new Error('a policy reaches nothing');
    await client.policies.syncPolicies({});
  }
  record('apply_s_mix_500', median(seconds));
  await client.policies.applyPolicy({ source: { $case: 'manifest', value: mixedManifest(POLICIES) } });
}

async function explain(client: HauberkClient, passes: number, record: Recorder): Promise<void> {
  progress(`language: an access explained ${passes} times`);
  const milliseconds: number[] = [];
  for (let pass = 0; pass < passes; pass++) {
    const began = performance.now();
    const { decidedBy } = await client.policies.explain({
      subject: { $case: 'containerId', value: 'mix' },
      operation: 'read',
      object: exactPath(NAMED),
      program: sourceProgram(NAMED),
    });
    milliseconds.push(performance.now() - began);
    if (decidedBy?.$case !== 'rule') throw new Error('no rule decides');
  }
  record('explain_ms_500_policies', median(milliseconds));
}
