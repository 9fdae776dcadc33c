import { setTimeout as sleep } from 'node:timers/promises';
import {
  credentials,
  type Client as GrpcClient,
  Metadata,
  makeClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { toManifest } from '../../src/policy/manifest-text.js';
import { Client } from '../../test/support/client.js';
import { Daemon } from '../../test/support/daemon.js';
import type { Recorder, Scope } from '../figures.js';
import { progress } from '../support/progress.js';
import { mixedPolicy } from '../support/rules.js';
import { median } from '../support/statistics.js';

const RULES_EACH = 3;
const POLL_MILLISECONDS = 10;
const START_MILLISECONDS = 120_000;
/** The daemon follows no runtime, and leaves nothing for the next one. */
export const FLAGS = ['--docker-socket', 'off', '--detach-on-exit'];

/** From the start of the process until its health is SERVING: programs loaded, policies in the kernel. */
export async function measureStart({ quick, wants }: Scope, record: Recorder): Promise<void> {
  for (const policies of [0, 1000] as const) {
    if (!wants(`start_ms_${policies}`)) continue;
    const daemon = new Daemon();
    const passes = quick ? 1 : 3;
    progress(`start: with ${policies} policies, ${passes} times`);
    if (policies > 0) await store(daemon, policies);
    const milliseconds: number[] = [];
    for (let pass = 0; pass < passes; pass++) {
      milliseconds.push(await timeStart(daemon));
      progress(`start: ${milliseconds.at(-1)!.toFixed(0)} ms`);
    }
    record(`start_ms_${policies}`, median(milliseconds));
  }
}

/** Stores policies in the daemon's directory. */
async function store(daemon: Daemon, policies: number): Promise<void> {
  await daemon.start(...FLAGS);
  const client = new Client(daemon.address);
  const documents = Array.from({ length: policies }, (_, index) =>
    toManifest(mixedPolicy(`policy-${index}`, RULES_EACH, { app: `app-${index}` })),
  );
  await client.call('PolicyService', 'ApplyPolicy', { manifest: documents.join('---\n') });
  client.close();
  await daemon.end('SIGTERM');
}

async function timeStart(daemon: Daemon): Promise<number> {
  const began = performance.now();
  const started = daemon.start(...FLAGS);
  // `started` rejects when the process ends before it serves.
  await Promise.race([started.then(() => untilServing(daemon.address)), untilServing(daemon.address)]);
  const elapsed = performance.now() - began;
  await started;
  await daemon.end('SIGTERM');
  return elapsed;
}

interface HealthClient extends GrpcClient {
  check(
    request: { service: string },
    metadata: Metadata,
    options: { deadline: number },
    answer: (error: ServiceError | null, response?: { status: string }) => void,
  ): void;
}

const HealthClient = makeClientConstructor(healthService, 'Health') as unknown as new (
  ...parameters: ConstructorParameters<typeof GrpcClient>
) => HealthClient;

async function untilServing(address: string): Promise<void> {
  const client = new HealthClient(address, credentials.createInsecure(), {
    'grpc.initial_reconnect_backoff_ms': POLL_MILLISECONDS,
    'grpc.min_reconnect_backoff_ms': POLL_MILLISECONDS,
    'grpc.max_reconnect_backoff_ms': POLL_MILLISECONDS,
  });
  const metadata = new Metadata({ waitForReady: true });
  const ask = () =>
    new Promise<string>((resolve, reject) => {
      client.check({ service: '' }, metadata, { deadline: Date.now() + START_MILLISECONDS }, (error, response) => {
        if (error !== null) reject(error);
        else resolve(response!.status);
      });
    });
  try {
    while ((await ask()) !== 'SERVING') await sleep(POLL_MILLISECONDS);
  } finally {
    client.close();
  }
}
