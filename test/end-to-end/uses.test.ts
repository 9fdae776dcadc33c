import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, type EventStream, type ReceivedEvent } from '../support/client.js';
import { docker, enter, type Outcome, startContainer } from '../support/docker.js';
import { loadModule } from '../support/kernel-modules.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';
import { SharedDaemon } from '../support/shared-daemon.js';
import { GROUPS } from '../support/uses-table.js';

const HELPER = 'build/test/support/uses';
const REFUSED = /ermission denied|not permitted|Segmentation fault|Killed|failed to map/;
const daemon = new SharedDaemon();
const client = new Client(daemon.address);
const volume = mkdtempSync('/run/uses-');
let events: EventStream;

const use = (...command: string[]): Outcome =>
  command[0] === 'sh' ? enter('uses', '/bin/sh', '-c', ...command.slice(1)) : enter('uses', '/bin/uses', ...command);

/** Runs commands one after the other, in one shell of the container. */
function inOneShell(commands: readonly (readonly string[])[]): Outcome[] {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const lines = commands.map(([first, ...others]) => {
    const program = first === 'sh' ? ['/bin/sh', '-c', ...others] : ['/bin/uses', first!, ...others];
    return `${program.map(quoted).join(' ')} 2>&1; echo "ended with $?"`;
  });
  const { output } = use('sh', lines.join('\n'));
  const outcomes = [...output.matchAll(/([\s\S]*?)ended with (\d+)\n/gu)];
  assert.equal(outcomes.length, commands.length, output);
  return outcomes.map(([, output, status]) => ({ status: Number(status), output: output! }));
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
  const target = startContainer(PROGRAMS_IMAGE, 'uses', '--label', 'app=uses', '--privileged', '-v', `${volume}:/v`);
  const made = use(
    'sh',
    'mkdir /guard /free; echo x >/free/file; echo x >/guard/file; /bin/uses serve stream @abstract',
  );
  assert.equal(made.status, 0, made.output);
  await daemon.start();
  events = await client.stream({ containerIds: [target] });
});

after(async () => {
  events?.cancel();
  client.close();
  await daemon.release();
  docker('rm', '-f', 'uses');
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

for (const { name, rules, refused, free } of GROUPS) {
  test(`${name}: every technique is refused and reported under the policy, and works without it`, async (context) => {
    const prepare = refused.map(({ preparation }) => ['sh', preparation ?? 'true']);
    const commands = refused.map(({ command }) => command);
    const inTurn = inOneShell(prepare.flatMap((each, index) => [each, commands[index]!]));
    inTurn.forEach(({ status, output }, index) => {
      assert.equal(status, 0, `without a policy: ${refused[Math.floor(index / 2)]!.technique}: ${output}`);
    });
    for (const { status, output } of inOneShell(prepare)) assert.equal(status, 0, output);
    await apply(rules);
    try {
      const failures: string[] = [];
      events.clear();
      for (const [index, { status, output }] of inOneShell(commands).entries()) {
        const { technique, reported } = refused[index]!;
        context.diagnostic(technique);
        if (status === 0 || !REFUSED.test(output)) failures.push(`${technique}: ${status} ${output}`);
        else
          await events
            .find((event) => event.result === 'RESULT_DENIED' && matches(event, reported), 5000)
            .catch(() => failures.push(`${technique}: not reported, but ${events.events.map(summaryOf).join(', ')}`));
      }
      for (const [index, { status, output }] of inOneShell(free).entries())
        if (status !== 0) failures.push(`${free[index]!.join(' ')}: ${output}`);
      assert.deepEqual(failures, []);
    } finally {
      await withdraw();
    }
  });
}

const summaryOf = ({ operation, object, program }: ReceivedEvent) => [operation, object, program].join(' ');

function matches(event: object, reported: object): boolean {
  return Object.entries(reported).every(([key, value]) => (event as Record<string, unknown>)[key] === value);
}
