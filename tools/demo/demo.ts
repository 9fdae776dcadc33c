/**
 * The main use, on a real system: Docker, two containers, hauberkd, a policy, a refusal, its event, its metric. Every step
 * is checked; the first that fails ends the demo with status 1.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Client } from '../../test/support/client.js';
import { Daemon } from '../../test/support/daemon.js';
import { docker, exec, startContainer } from '../../test/support/docker.js';

const MANIFEST = readFileSync('tools/demo/policy.yaml', 'utf8');
const PROGRAMS = ['/bin/cat', '/bin/sleep', '/bin/dash', '/bin/ls'];

function say(text: string): void {
  console.log(`\n• ${text}`);
}

function show(text: string): void {
  console.log(text.trimEnd().replace(/^/gm, '    '));
}

function expect(what: string, holds: boolean): void {
  if (!holds) throw new Error(`expected ${what}`);
}

function run(command: string, ...parameters: string[]): void {
  const { status } = spawnSync(command, parameters, { stdio: 'inherit' });
  expect(`${command} to succeed`, status === 0);
}

function cat(container: string): { status: number; output: string } {
  console.log(`    $ docker exec ${container} cat /etc/shadow`);
  const outcome = exec(container, '/bin/cat', '/etc/shadow');
  show(outcome.output);
  return outcome;
}

const daemon = new Daemon();
const client = new Client(daemon.address);
try {
  say('Docker starts, and two containers');
  run('tools/vm/docker');
  run('tools/vm/image', 'demo', ...PROGRAMS);
  const web = startContainer('demo', 'web', '--label', 'app=web');
  startContainer('demo', 'other', '--label', 'app=other');
  show(docker('ps', '--format', 'table {{.Names}}\t{{.Image}}\t{{.Status}}').output);

  say('hauberkd starts and attaches its BPF LSM programs');
  await daemon.start();
  const status = await client.call('HostService', 'GetStatus');
  show(`kernel ${status.kernelRelease}, modules ${status.securityModules.join(',')}`);
  show(`${status.programs.length} programs attached, ${status.containers} containers known`);

  say('A client opens the event stream and applies tools/demo/policy.yaml');
  const events = await client.stream();
  show(MANIFEST);
  const { changes } = await client.call('PolicyService', 'ApplyPolicy', { manifest: MANIFEST });
  expect('the policy to reach web alone', changes[0].containerIds.join() === web);
  show(`applied: ${changes[0].kind}, reaches ${changes[0].containerIds.length} container`);

  say('In the container under the policy the kernel refuses');
  const refused = cat('web');
  expect('a refusal in web', refused.status !== 0 && refused.output.includes('Permission denied'));

  say('In the other container nothing changes');
  const allowed = cat('other');
  expect('no change in other', allowed.status === 0 && allowed.output.includes('root:'));

  say('The event, as the client received it');
  const event = await events.find(({ object }) => object === '/etc/shadow');
  show(JSON.stringify(event, undefined, 2));
  expect('the event to name policy and rule', event.policy === 'protect-shadow' && event.rule === 'file.matchPaths[0]');
  expect('the event to report DENIED', event.result === 'RESULT_DENIED' && event.containerName === 'web');

  say('The metric that counted it');
  const line = (await daemon.metrics())
    .split('\n')
    .find((text) => /^hauberk_decisions_total.*file.*block.* 1$/i.test(text));
  expect('the metric to count one refusal', line !== undefined);
  show(line!);

  events.cancel();
  say('Everything happened as it should');
} catch (error) {
  console.error(`\ndemo: ${(error as Error).message}\n${daemon.log}`);
  process.exitCode = 1;
} finally {
  client.close();
  await daemon.end('SIGTERM').catch(() => undefined);
  for (const name of ['web', 'other']) docker('rm', '-f', name);
}
