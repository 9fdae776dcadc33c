import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import type { HauberkClient } from '../../client/messages.js';
import { policyKey } from '../../policy/model.js';
import { withClient } from '../connection.js';
import { addLabel, eventText } from '../event-options.js';
import { CommandFailure } from '../exit-status.js';
import { withExamples } from '../help.js';
import { asOwn, OWN_ORIGIN } from '../own-origin.js';
import { printWarnings } from '../policy-change.js';
import { DenialsOfRun } from '../run/denials-of-run.js';
import { ignoringNotFound, removeLeftOvers } from '../run/left-overs.js';
import { RUN_LABEL } from '../run/run-label.js';
import { NOT_RUN, Sandbox } from '../run/sandbox.js';
import { terminal } from '../terminal.js';

interface Options {
  readonly policy?: string[];
  readonly label?: Record<string, string>;
  readonly namespace: string;
  readonly name?: string;
  readonly learn?: string;
  readonly report?: string;
  readonly output: 'text' | 'json';
}

interface Subject {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

const RUN_HELP = `
The command gets its own pid and mount namespaces. From its first instruction it is under the policies that select
its namespace and labels, and under those of --policy. It sees the files, the network and the users of this host.
Processes it leaves running are killed when it ends. What it was refused is listed on standard error when it has
ended.

The caller needs the role operator, or with --policy the role admin, on the Unix socket of this host's hauberkd. For
anyone but root the command also gets a user namespace that contains no other user, and in which privileged programs
gain nothing.

Where a policy allows some accesses, all others of that class are refused if the posture of the namespace is block.

The exit status is the command's, 128 plus the signal number if a signal ended it, 126 if it cannot be run, 127 if
there is no such command, and ${NOT_RUN} if it could not be put under its policies: then it has not run.`;

export function addRun(program: Command): void {
  withExamples(
    program
      .command('run')
      .description('run a command of this host under policies, without a container runtime')
      .argument('<command...>', 'after --: a program and its arguments')
      .option('--policy <file...>', 'policies for this run only, whatever they select: a file, a directory or -')
      .option('--label <key=value>', 'a label of the command, which selectors match; may be repeated', addLabel)
      .option('-n, --namespace <namespace>', 'whose policies and postures apply to it', 'default')
      .option('--name <name>', "its name in events and tables (default: the program's name)")
      .option('--learn <file>', 'write the least-privilege policy that allows what it did to this file')
      .option('--report <file>', 'write what it was refused to this file instead of standard error')
      .addOption(
        new Option('-o, --output <format>', 'of the list of refused accesses: text, or json, one object per line')
          .choices(['text', 'json'])
          .default('text'),
      )
      .addHelpText('after', RUN_HELP),
    [
      ['hauberk run --policy build.yaml -- make test', 'a build step under its own policy'],
      ['hauberk run --label app=agent -n agents -- ./agent', 'under the policies that are in force for app=agent'],
      ['hauberk run --learn build.yaml -- make test', 'write a policy that allows the same run'],
    ],
  ).action(async (words: string[], options: Options, command: Command) => {
    try {
      terminal().exitStatus = await run(words, options, command);
    } catch (error) {
      // The command's own statuses are distinct from those of hauberk.
      throw new CommandFailure(NOT_RUN, (error as Error).message);
    }
  });
}

async function run(words: readonly string[], options: Options, command: Command): Promise<number> {
  const { namespace, policy: places, label = {} } = options;
  const id = `run-${randomBytes(4).toString('hex')}`;
  const name = options.name ?? basename(words[0]!);
  const subject = { id, name, namespace, labels: { ...label, [RUN_LABEL]: id } };
  const policies = places && (await import('../run/run-policies.js')).policiesFor(id, namespace, places);
  for (const file of [options.learn, options.report]) if (file !== undefined) closeSync(openSync(file, 'a'));
  const sandbox = await Sandbox.make(words);
  try {
    return await withClient(command, async (client) => {
      const denials = new DenialsOfRun(client, subject);
      const undo: { readonly what: string; readonly task: () => Promise<unknown> }[] = [];
      try {
        await removeLeftOvers(client, { policies: policies !== undefined, profiles: options.learn !== undefined });
        await client.containers.registerContainer({ ...subject, identity: { $case: 'childPid', value: sandbox.pid } });
        const unregister = () => client.containers.unregisterContainer({ id });
        undo.push({ what: `container ${id} is still registered`, task: unregister });
        if (policies !== undefined) {
          const source = { $case: 'manifest', value: policies.manifest } as const;
          const { changes } = await client.policies.applyPolicy({ source, origin: OWN_ORIGIN });
          for (const policy of policies.names) {
            const task = () => client.policies.deletePolicy({ namespace, name: policy, origin: OWN_ORIGIN });
            undo.push({ what: `policy ${policyKey(asOwn({ namespace, name: policy }))} is still there`, task });
          }
          for (const change of changes) printWarnings(change);
        }
        await checkProtected(client, id);
        if (options.learn !== undefined) {
          await client.profiles.startProfile({ name: id, subject: { $case: 'containerId', value: id } });
          const task = () => client.profiles.deleteProfile({ name: id });
          undo.push({ what: `profile ${id} is still there`, task });
        }
        await denials.listen();
        const status = await sandbox.run();
        await afterwards('more may have been refused', () => denials.end());
        await afterwards('what was refused is not reported', () => report(denials, options));
        const { learn: file } = options;
        if (file !== undefined) await afterwards('no policy was learnt', () => learn(client, subject, label, file));
        return status;
      } finally {
        // Nothing may still run there when its policies are removed, even if the command has ended.
        await sandbox.end();
        for (const { what, task } of undo.reverse()) await afterwards(what, () => ignoringNotFound(task));
      }
    });
  } finally {
    await sandbox.end();
  }
}

/** Does the work after the command. A failure is reported, but the status stays the command's. */
async function afterwards(whatOtherwise: string, task: () => unknown): Promise<void> {
  try {
    await task();
  } catch (error) {
    terminal().err(`hauberk: ${whatOtherwise}: ${(error as Error).message}\n`);
  }
}

/** @throws CommandFailure where a policy that reaches the run would not be in force */
async function checkProtected(client: HauberkClient, containerId: string): Promise<void> {
  const { container } = await client.containers.getEffectivePolicy({ containerId });
  const { reason = '', leftOutPolicies = [] } = container?.protection ?? {};
  if (reason === '' && leftOutPolicies.length === 0) return;
  throw new CommandFailure(NOT_RUN, `not under all of its policies: ${reason || leftOutPolicies.join(', ')}`);
}

function report({ events, missed }: DenialsOfRun, { output, report: file }: Options): void {
  const lines = events.map((event) => `${eventText(event, output)}\n`).join('');
  if (file === undefined) terminal().err(lines);
  else writeFileSync(file, lines);
  if (missed > 0) terminal().err(`hauberk: ${missed} events were missed, denials of this run may be among them\n`);
}

async function learn(
  client: HauberkClient,
  { id, name, namespace }: Subject,
  label: Readonly<Record<string, string>>,
  file: string,
): Promise<void> {
  await client.profiles.stopProfile({ name: id });
  const suggestion = await client.profiles.suggestPolicy({
    name: id,
    policyName:
      name
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/gu, '-')
        .replaceAll(/^-|-$/gu, '') || id,
    policyNamespace: namespace,
    matchLabels: Object.keys(label).length > 0 ? label : { app: name },
  });
  writeFileSync(file, suggestion.manifest);
  for (const warning of suggestion.warnings) terminal().err(`warning: ${warning}\n`);
}
