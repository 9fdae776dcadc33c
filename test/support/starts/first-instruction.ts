import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, EventStream, ReceivedEvent } from '../client.js';
import { accessesThrough, FIRST_ACCESS, FORBIDDEN } from './first-access.js';
import { type Start, type StartPath, type StartResult, startAll } from './start-path.js';

/** How many containers of each kind are started: ten, of which four at once, or as many as are requested. */
export const STARTS = Number(process.env.HAUBERK_STARTS ?? 10);
/** As many again are started twenty at a time where there are hundreds: each takes seconds under emulation. */
export const AT_ONCE = STARTS >= 100 ? { starts: STARTS, width: 20 } : { starts: 4, width: 4 };
export const ONE_BY_ONE = STARTS >= 100 ? STARTS : STARTS - AT_ONCE.starts;
export const IMAGE = 'hauberk.test/first-access:1';
export const LABELS = { app: 'first-access' };
export const STATE_DIRECTORY = '/var/lib/hauberk';
/** Flags for a daemon with the hook's default paths. */
export const DEFAULT_PATHS = ['--state-dir', STATE_DIRECTORY, '--hook-socket', '/run/hauberk/hook.sock'];
/** Name prefix of containers started without the hook. */
const WITHOUT_HOOK = 'without';
export const HOOK_CONFIGURATION = '/etc/hauberk/hook.conf';
const EVENTS_MILLISECONDS = 60_000;

/** Emulated, the daemon answers late when many start at once. */
const HOOK_TIMEOUT_SECONDS = 120;

/** `hauberk runtime install`, as an administrator calls it. */
export function installHook(runtime: 'docker' | 'containerd' | 'podman', ...flags: string[]): void {
  if (!existsSync(HOOK_CONFIGURATION)) {
    mkdirSync(dirname(HOOK_CONFIGURATION), { recursive: true });
    writeFileSync(HOOK_CONFIGURATION, `timeout_seconds = ${HOOK_TIMEOUT_SECONDS}\n`);
  }
  setUpRuntime('install', runtime, flags);
}

/** `hauberk runtime uninstall`: later tests start containers without a daemon. */
export function uninstallHook(runtime: 'docker' | 'podman', ...flags: string[]): void {
  setUpRuntime('uninstall', runtime, flags);
}

function setUpRuntime(action: 'install' | 'uninstall', runtime: string, flags: readonly string[]): void {
  execFileSync(process.execPath, ['build/program/hauberk.js', 'runtime', action, runtime, '--yes', ...flags], {
    stdio: 'inherit',
  });
}

/** A policy that forbids all that the entry point does to the containers with these labels. */
export function forbiddingPolicy(
  name: string,
  labels: Readonly<Record<string, string>>,
  paths = FORBIDDEN,
  namespace = 'default',
): string {
  return `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  selector: {matchLabels: ${JSON.stringify(labels)}}
  file: {matchPaths: [{path: ${paths.file}}]}
  process: {matchPaths: [{path: ${paths.program}}]}
  network: {matchProtocols: [{protocol: udp}]}
  action: Block
`;
}

/** Selects a container by its name, which is known before its first instruction where its labels are not. */
export function nameLabel(name: string): Record<string, string> {
  return { 'hauberk.io/container.name': name };
}

/** Starts `count` containers named `PREFIX-0` and so on, `width` of them at a time. */
export function startContainers(path: StartPath, prefix: string, count: number, width: number): Promise<StartResult[]> {
  return startAll(path, startsOf(prefix, count), width);
}

function startsOf(prefix: string, count: number): Start[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `${prefix}-${index}`,
    image: IMAGE,
    command: [FIRST_ACCESS],
    labels: LABELS,
  }));
}

/** The containers of which not every access was refused, with the accesses that succeeded or why it did not run. */
export function notRefused(results: readonly StartResult[]): Record<string, string> {
  return Object.fromEntries(
    results.flatMap(({ name, status, refusal }): [string, string][] => {
      const found = status === undefined ? `did not run: ${refusal}` : accessesThrough(status).join();
      return found === '' ? [] : [[name, found]];
    }),
  );
}

/** A policy may be in force in time for some containers, but hardly for all of this many. */
const ATTEMPTS_MAX = 10;

/** Asserts that without the hook accesses can succeed, by starting containers until one does. */
export async function assertAccessesGetThrough(path: StartPath): Promise<void> {
  const results: StartResult[] = [];
  const found = () => results.flatMap(({ status = 0 }) => accessesThrough(status));
  while (!found().includes('file') && results.length < ATTEMPTS_MAX) {
    results.push(...(await startAll(path, [startsOf(WITHOUT_HOOK, 1)[0]!], 1)));
  }
  assert.ok(found().includes('file') && !found().includes('unexpected'), JSON.stringify(results));
}

/** The names of the containers whose starts {@link testStarts} tests. */
export function testedNames(): string[] {
  return [...startsOf('one', ONE_BY_ONE), ...startsOf('at-once', AT_ONCE.starts)].map(({ name }) => name);
}

/**
 * Tests that each container that is started under policies in force, one after the other and at once, is
 * refused each access, and that each refusal is reported under its name.
 *
 * @param labels that the events must have
 */
export function testStarts(
  kind: string,
  path: () => StartPath,
  client: Client,
  labels: Readonly<Record<string, string>>,
): void {
  const check = async (prefix: string, count: number, width: number) => {
    const events = await client.stream();
    try {
      const results = await startContainers(path(), prefix, count, width);
      assert.deepEqual(notRefused(results), {});
      const names = results.map(({ name }) => name);
      await assertRefusalsAreReported(events, names, labels);
    } finally {
      events.cancel();
    }
  };
  test(`${kind}: no container makes an access before its policy, and each refusal is reported under its name`, () =>
    check('one', ONE_BY_ONE, 1));
  test(`${kind}: the same holds for several that are started at once`, () =>
    check('at-once', AT_ONCE.starts, AT_ONCE.width));
}

/** Each access of each of these containers is reported once, and nothing else is. */
export async function assertRefusalsAreReported(
  events: EventStream,
  names: readonly string[],
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const expected = ['create udp', `exec ${FORBIDDEN.program}`, `open ${FORBIDDEN.file}`];
  const wanted = names.length * expected.length;
  const deadline = Date.now() + EVENTS_MILLISECONDS;
  while (events.events.length < wanted && Date.now() < deadline) await sleep(100);
  assert.deepEqual([...new Set(events.events.map(({ containerName }) => containerName))].sort(), [...names].sort());
  for (const name of names) {
    const own = events.events.filter(({ containerName }) => containerName === name);
    assert.deepEqual(own.map(({ operation, object }) => `${operation} ${object}`).sort(), expected, name);
    for (const event of own) assertRefused(event, labels);
  }
  assert.equal(events.missed, 0);
}

function assertRefused(event: ReceivedEvent, labels: Readonly<Record<string, string>>): void {
  const { action, result, labels: known } = event;
  assert.deepEqual({ action, result }, { action: 'ACTION_BLOCK', result: 'RESULT_DENIED' });
  for (const [key, value] of Object.entries(labels))
    assert.equal(known[key], value, `${key} of ${event.containerName}`);
}
