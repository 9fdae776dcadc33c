import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { toManifest } from '../../src/policy/manifest-text.js';
import type { Policy } from '../../src/policy/model.js';
import { Client } from '../../test/support/client.js';
import { Daemon } from '../../test/support/daemon.js';
import type { FigureName, Recorder, Scope } from '../figures.js';
import { progress } from '../support/progress.js';
import { exactPath, mixedPolicy } from '../support/rules.js';
import { median } from '../support/statistics.js';
import { FLAGS } from './start.js';
import { SystemCalls } from './system-calls.js';

const LABELS = { app: 'bench' };
/** A file that a rule names, and beside it one that is never refused. */
const PATH = exactPath(16);
const MANY_RULES = 1000;
/** hauberkd runs its code once in the background when it serves. */
const WARM_UP_MILLISECONDS = 20_000;
const POLL_MILLISECONDS = 50;

/** From the call until a process of the container, which opens a file again and again, is refused it. */
export async function measureRefusals({ quick, wants }: Scope, record: Recorder): Promise<void> {
  mkdirSync(dirname(PATH), { recursive: true });
  writeFileSync(PATH, '');
  const daemon = new Daemon();
  await daemon.start(...FLAGS);
  const client = new Client(daemon.address);
  const container = await SystemCalls.start(`${PATH}-other`, ['unshare', '-m', '-p', '-f', '--mount-proc']);
  const namespaces = container.childNamespaces;
  await client.call('ContainerService', 'RegisterContainer', { id: 'bench', labels: LABELS, namespaces });
  await sleep(quick ? 0 : WARM_UP_MILLISECONDS);
  const passes = quick ? 2 : 11;
  for (const [rules, figure, first] of [
    [1, 'vm_refusal_ms_1', 'vm_refusal_ms_1_first'],
    [MANY_RULES, 'vm_refusal_ms_1000', undefined],
  ] as readonly (readonly [number, FigureName, FigureName | undefined])[]) {
    if (!wants(figure) && (first === undefined || !wants(first))) continue;
    const manifest = toManifest(policyOf(rules));
    const milliseconds: number[] = [];
    for (let pass = 0; pass < passes; pass++) {
      milliseconds.push(await untilRefused(client, container, manifest));
      progress(`refusal: ${rules} rules, ${milliseconds.at(-1)!.toFixed(1)} ms`);
    }
    if (first !== undefined) record(first, milliseconds.shift()!);
    record(figure, median(milliseconds));
  }
  await container.end();
  client.close();
  await daemon.end('SIGTERM');
}

/** That many rules, one of which names the file. */
function policyOf(count: number): Policy {
  const policy = mixedPolicy('applied', MANY_RULES, LABELS);
  const isNamed = ({ match }: Policy['rules'][number]) => match.kind === 'exact' && match.path === PATH;
  return count === 1 ? { ...policy, rules: policy.rules.filter(isNamed) } : policy;
}

/** Applies a policy, and takes it away again. @returns milliseconds */
async function untilRefused(client: Client, container: SystemCalls, manifest: string): Promise<number> {
  const refused = container.whenRefused(PATH);
  const began = process.hrtime.bigint();
  const [at] = await Promise.all([refused, client.call('PolicyService', 'ApplyPolicy', { manifest })]);
  await client.call('PolicyService', 'SyncPolicies', {});
  while ((await container.read(PATH)) !== 0) await sleep(POLL_MILLISECONDS);
  return Number(at - began) / 1e6;
}
