import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, type EventStream, type ReceivedEvent } from '../support/client.js';
import { docker, type Outcome, startContainer } from '../support/docker.js';
import { loadModule } from '../support/kernel-modules.js';
import { IN_LONG_RUNS, IS_LONG_RUN } from '../support/long-run.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';
import { SharedDaemon } from '../support/shared-daemon.js';
import { Shell } from '../support/shell.js';
import {
  CONTAINER_KINDS,
  CONTAINERS,
  type ContainerKind,
  type Group,
  type Limit,
  type Trial,
  type Use,
} from '../support/use.js';
import { GROUPS } from '../support/uses-table.js';

const HELPER = 'build/test/support/uses';
const REFUSED = /ermission denied|not permitted|Segmentation fault|Killed|failed to map/;
const daemon = new SharedDaemon();
const client = new Client(daemon.address);
const volume = mkdtempSync('/run/uses-');
const ids = new Map<ContainerKind, string>();
const shells = new Map<ContainerKind, Shell>();
let events: EventStream;

/** Runs commands one after the other, in one shell of the container. */
async function inOneShell(kind: ContainerKind, commands: readonly (readonly string[])[]): Promise<Outcome[]> {
  if (commands.length === 0) return [];
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const lines = commands.map(([first, ...others]) => {
    const program = first === 'sh' ? ['/bin/sh', '-c', ...others] : ['/bin/uses', first!, ...others];
    return `${program.map(quoted).join(' ')} 2>&1; echo "ended with $?"`;
  });
  const { output } = await shells.get(kind)!.run(lines.join('\n'));
  const outcomes = [...output.matchAll(/([\s\S]*?)ended with (\d+)\n/gu)];
  assert.equal(outcomes.length, commands.length, output);
  return outcomes.map(([, output, status]) => ({ status: Number(status), output: output! }));
}

const commandOf = ({ command }: Trial) => command;

/** Prepares and runs each, in one shell of the container; the outcome is that of the first of the two that failed. */
async function inTurn(kind: ContainerKind, trials: readonly Trial[]): Promise<Outcome[]> {
  const steps = trials.flatMap(({ preparation, command }) =>
    preparation === undefined ? [command] : [['sh', preparation], command],
  );
  const outcomes = await inOneShell(kind, steps);
  return trials.map(({ preparation }) => {
    const prepared = preparation === undefined ? undefined : outcomes.shift()!;
    const tried = outcomes.shift()!;
    return prepared === undefined || prepared.status === 0 ? tried : prepared;
  });
}

/** Each different preparation once: no command comes between two. */
async function prepare(kind: ContainerKind, trials: readonly Trial[]): Promise<void> {
  const scripts = new Set(trials.flatMap(({ preparation = [] }) => preparation));
  for (const { status, output } of await inOneShell(
    kind,
    [...scripts].map((script) => ['sh', script]),
  ))
    assert.equal(status, 0, output);
}

const kindOf = ({ container = 'default' }: { readonly container?: ContainerKind }) => container;

/** Tries each where it can work, and in long runs also in every kind of container that may do more. */
function* places<T extends Trial>(trials: readonly T[]): Generator<readonly [ContainerKind, T[]]> {
  for (const [rank, kind] of CONTAINER_KINDS.entries()) {
    const isTried = (trial: Trial) =>
      IS_LONG_RUN ? CONTAINER_KINDS.indexOf(kindOf(trial)) <= rank : kindOf(trial) === kind;
    yield [kind, trials.filter(isTried)];
  }
}

before(async () => {
  for (const module of ['crc32c_generic', 'sctp']) loadModule(module);
  makeProgramsImage();
  for (const directory of ['guard', 'free']) {
    mkdirSync(join(volume, directory));
    writeFileSync(join(volume, directory, 'file'), 'x\n');
    for (const type of ['stream', 'dgram', 'seqpacket'])
      execFileSync(HELPER, ['serve', type, join(volume, directory, `host-${type}`)], { stdio: 'ignore' });
  }
  for (const kind of CONTAINER_KINDS) {
    const flags = ['--network=none', '--label', 'app=uses', '-v', `${volume}:/v`, ...CONTAINERS[kind]];
    ids.set(kind, startContainer(PROGRAMS_IMAGE, `uses-${kind}`, ...flags));
    // What enters the namespaces from outside would have all privileges.
    const shell = new Shell(['/usr/bin/docker', 'exec', '--interactive', `uses-${kind}`, '/bin/sh'], '/bin/sh -c');
    shells.set(kind, shell);
    const set = 'mkdir /guard /free; echo x >/free/file; echo x >/guard/file; /bin/uses serve stream @abstract';
    const made = await shell.run(set);
    assert.equal(made.status, 0, made.output);
  }
  await daemon.start('file');
  events = await client.stream({ containerIds: [...ids.values()] });
});

after(async () => {
  events?.cancel();
  client.close();
  await daemon.release();
  for (const shell of shells.values()) await shell.end();
  docker('rm', '-f', ...CONTAINER_KINDS.map((kind) => `uses-${kind}`));
});

async function apply(rules: string): Promise<void> {
  const manifest = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: uses}
spec:
  selector: {matchLabels: {app: uses}}
  ${rules}`;
  await client.call('PolicyService', 'ApplyPolicy', { manifest });
}

const withdraw = () => client.call('PolicyService', 'DeletePolicy', { name: 'uses', scope: 'SCOPE_NAMESPACE' });

interface Refused extends Trial {
  readonly reported: Partial<Use['reported']>;
}

/** A policy against what the group is about, and what it refuses and does not. */
interface Form {
  readonly name: string;
  readonly rules: string;
  readonly refused: readonly Refused[];
  readonly outOfReach: readonly Trial[];
  readonly free: readonly (readonly string[])[];
}

const triedOf = ({ outOfReach = [] }: Group) =>
  outOfReach.filter((limit): limit is Limit & Trial => limit.command !== undefined);

function formsOf(group: Group): Form[] {
  const { rules, allowList, refused, free } = group;
  const blockList = { name: 'a policy', rules, refused, outOfReach: triedOf(group), free };
  if (allowList === undefined) return [blockList];
  const allowing = {
    name: 'an allow-list',
    rules: allowList,
    // It may come to an earlier decision, such as about opening the file.
    refused: refused.map((each) => ({ ...each, reported: {} })),
    outOfReach: [],
    free: free.filter((command) => !command.join(' ').includes('/guard')),
  };
  return IS_LONG_RUN ? [blockList, allowing] : [blockList];
}

for (const group of GROUPS) {
  for (const form of formsOf(group)) {
    test(`${group.name}: every technique is refused and reported under ${form.name}, and works without it`, async (context) => {
      const { rules, refused, outOfReach, free } = form;
      // Whatever its container needs is done there too.
      const freeKind = CONTAINER_KINDS.findLast((kind) => refused.some((each) => kindOf(each) === kind))!;
      for (const [kind, tried] of places([...refused, ...outOfReach])) {
        for (const [index, { status, output }] of (await inTurn(kind, tried)).entries())
          assert.equal(status, 0, `without a policy: ${tried[index]!.technique}, ${kind}: ${output}`);
        await prepare(kind, kind === freeKind ? [...refused, ...outOfReach] : tried);
      }
      await apply(rules);
      try {
        const failures: string[] = [];
        for (const [kind, tried] of places(refused)) {
          events.clear();
          for (const [index, { status, output }] of (await inOneShell(kind, tried.map(commandOf))).entries()) {
            const { technique, reported } = tried[index]!;
            context.diagnostic(`${technique} (${kind})`);
            const isReported = (event: ReceivedEvent) =>
              event.result === 'RESULT_DENIED' && event.containerId === ids.get(kind) && matches(event, reported);
            if (status === 0 || !REFUSED.test(output)) failures.push(`${technique}, ${kind}: ${status} ${output}`);
            else
              await events.find(isReported, 5000).catch(() => {
                failures.push(`${technique}, ${kind}: not reported, but ${events.events.map(summaryOf).join(', ')}`);
              });
          }
        }
        for (const [index, { status, output }] of (await inOneShell(freeKind, free)).entries())
          if (status !== 0) failures.push(`${free[index]!.join(' ')}: ${output}`);
        for (const [kind, tried] of places(outOfReach))
          for (const [index, { status, output }] of (await inOneShell(kind, tried.map(commandOf))).entries())
            if (status !== 0) failures.push(`no longer out of reach: ${tried[index]!.technique}, ${kind}: ${output}`);
        assert.deepEqual(failures, []);
      } finally {
        await withdraw();
      }
    });
  }

  test(`${group.name}: no technique works in a less privileged container`, { skip: IN_LONG_RUNS }, async () => {
    const trials: Trial[] = [...group.refused, ...triedOf(group)];
    const least = new Map<string, ContainerKind>();
    for (const kind of CONTAINER_KINDS) {
      const left = trials.filter(({ technique }) => !least.has(technique));
      const outcomes = await inTurn(kind, left);
      for (const [index, { technique }] of left.entries())
        if (outcomes[index]!.status === 0) least.set(technique, kind);
    }
    assert.deepEqual(
      Object.fromEntries(least),
      Object.fromEntries(trials.map((each) => [each.technique, kindOf(each)])),
    );
  });
}

const summaryOf = ({ operation, object, program }: ReceivedEvent) => [operation, object, program].join(' ');

function matches(event: object, reported: object): boolean {
  return Object.entries(reported).every(([key, value]) => (event as Record<string, unknown>)[key] === value);
}
