import type { Command } from 'commander';
import {
  AccessClass,
  Action,
  type DecisionChange,
  type DiffResponse,
  PolicyOrigin,
  Scope,
} from '../../client/messages.js';
import { counted } from '../../counted.js';
import type { PolicyOrigin as OriginName } from '../../policy/model.js';
import { POLICY_ORIGINS } from '../../rpc/names.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { ignoreForeignOption } from '../foreign.js';
import { withExamples } from '../help.js';
import { ManifestFiles } from '../manifest-files.js';
import { coloured, columns, type Format, formatOption, print } from '../output.js';
import { OWN_ORIGIN } from '../own-origin.js';
import { originOption } from '../scope-option.js';
import { terminal } from '../terminal.js';
import { decidingPolicyText, nameOf } from '../views.js';
import { waitingFor } from '../waiting.js';
import { explained } from './apply.js';

interface Options {
  readonly file?: string[];
  readonly delete?: string[];
  readonly namespace: string;
  readonly origin: OriginName;
  readonly force?: boolean;
  readonly ignoreForeign?: boolean;
  readonly output: Format;
}

export function addDiff(program: Command): void {
  withExamples(
    program
      .command('diff')
      .description(
        'show what a change would refuse and allow, judged by the accesses the daemon has seen; nothing is changed',
      )
      .option('-f, --file <place...>', 'manifests to be applied: a file, a directory, or - for standard input')
      .option('--delete <policy...>', 'policies to be deleted')
      .option('-n, --namespace <namespace>', 'of policies to be deleted', 'default')
      .addOption(originOption('origin of the policies to be deleted: ').default('cli'))
      .option('--force', 'also accept policies for the host that would block what the host needs to work')
      .addOption(ignoreForeignOption())
      .addOption(formatOption()),
    [
      ['hauberk diff -f policies/', 'which of the accesses seen so far would be decided differently'],
      ['hauberk diff --ignore-foreign -f cluster.yaml', 'the same for the policies among other objects'],
      ['hauberk diff --delete web -n shop', 'the same for deleting a policy'],
    ],
  ).action(async (options: Options, command: Command) => {
    const { file = [], delete: names = [], namespace, origin, force = false, ignoreForeign = false, output } = options;
    if (file.length + names.length === 0) throw new CommandFailure(EXIT.usage, 'name manifests, or policies to delete');
    const manifests = file.length === 0 ? undefined : new ManifestFiles(file);
    const deleted = names.map((name) => ({ name, namespace, scope: Scope.NAMESPACE, origin: POLICY_ORIGINS[origin] }));
    await withClient(command, async (client) => {
      const source = manifests && ({ $case: 'manifest', value: manifests.text } as const);
      const request = async () => {
        const answer = await waitingFor(
          'comparing',
          client.policies.diff({ source, deleted, force, ignoreForeign, origin: OWN_ORIGIN }),
        );
        if (output === 'table') terminal().out(describe(answer));
        else await print(output, answer.decisions.map(view), () => []);
      };
      await (manifests === undefined ? request() : explained(manifests, ignoreForeign, request));
    });
  });
}

function describe({ decisions, omitted, judged, undecided }: DiffResponse): string {
  const rows = decisions.map((decision) => {
    const { before, after, operations, object, program, count, container } = view(decision);
    const change = `${before.toLowerCase()} → ${after.toLowerCase()}`;
    const { policyOrigin, policyNamespace, policy, rule } = decision;
    const by = policy === '' ? '' : `[${decidingPolicyText(policyOrigin, policyNamespace, policy)} ${rule}]`;
    return [change, container, `${count}×`, program || '(from outside)', operations.join(','), object, by];
  });
  const coloursOf = decisions.map(({ after }) => (after === Action.BLOCK ? 'red' : 'green') as 'red' | 'green');
  const lines = rows.length === 0 ? [] : columns(rows).trimEnd().split('\n');
  const notes = [
    `${counted(judged, 'kind of access was', 'kinds of access were')} judged, ${decisions.length + Number(omitted)} would be decided differently`,
    ...(omitted > 0n ? [`${omitted} of them are not shown`] : []),
    ...(undecided > 0n ? [`${undecided} depend on arguments and could not be judged`] : []),
  ];
  return [...lines.map((line, index) => coloured(coloursOf[index]!, line)), ...notes, ''].join('\n');
}

function view({ containerName, containerId, count, before, after, ...rest }: DecisionChange) {
  return {
    ...rest,
    policyOrigin: nameOf(PolicyOrigin, rest.policyOrigin),
    container: containerName || containerId,
    class: nameOf(AccessClass, rest.class),
    before: nameOf(Action, before),
    after: nameOf(Action, after),
    count: Number(count),
  };
}
