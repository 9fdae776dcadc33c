import { type Command, Option } from 'commander';
import {
  AccessClass,
  Action,
  Direction,
  type ExplainedRule,
  type ExplainResponse,
  PolicyOrigin,
} from '../../client/messages.js';
import { readLabels } from '../../policy/labels.js';
import { printable } from '../../printable.js';
import { withClient } from '../connection.js';
import { findContainer } from '../find-container.js';
import { withExamples } from '../help.js';
import { coloured, type Format, formatOption, print } from '../output.js';
import { terminal } from '../terminal.js';
import { decidingPolicyText, matchText, nameOf, ruleView } from '../views.js';

interface Options {
  readonly output: Format;
  readonly program: string;
  readonly parent: string;
  readonly labels?: string;
  readonly namespace: string;
  readonly filesystem: string;
  readonly other?: boolean;
  readonly terminal?: boolean;
  readonly argument?: string[];
  readonly family: string;
  readonly type: string;
  readonly direction?: 'egress' | 'ingress';
  readonly port?: string;
  readonly name: string;
  readonly to: string;
}

export function addExplain(program: Command): void {
  withExamples(
    program
      .command('explain')
      .description('show how an access would be decided, by which rule, and why not by the others')
      .argument('<container>', 'its id, a prefix of its id, its name, or host; - with --labels')
      .argument(
        '<operation>',
        'execute, read, write, create, delete, rename, link, attributes, map, communicate, resolve, use, …',
      )
      .argument(
        '[object]',
        'a path, a name, a capability, a preset or a system call; for communicate the address of the other end',
        '',
      )
      .option('-p, --program <path>', 'the acting program', '')
      .option('--parent <path>', 'for execute: that of the process which forked the acting one', '')
      .option('--labels <labels>', 'labels of a container that need not be running, as KEY=VALUE,…')
      .option('-n, --namespace <namespace>', 'its namespace', 'default')
      .option('--filesystem <type>', 'for access, mount and unmount', '')
      .option('--other', 'the acting user does not own the file')
      .option('--terminal', 'the acting process has a terminal')
      .option('--argument <argument...>', 'what a program is run with')
      .option('--family <family>', 'of the socket', 'inet')
      .option('--type <type>', 'of the socket', 'stream')
      .addOption(new Option('--direction <direction>', 'egress or ingress').choices(['egress', 'ingress']))
      .option('--port <port>', 'of the other end, for ingress of this one')
      .option('--name <name>', 'the DNS name that resolved to the address', '')
      .option('--to <path>', 'for rename and link: the new name', '')
      .addOption(formatOption()),
    [
      ['hauberk explain web read /etc/shadow --program /bin/cat', 'a file'],
      ['hauberk explain web communicate 10.0.0.1 --direction egress --port 443', 'a connection'],
      ['hauberk explain - execute /bin/sh --labels app=web -n shop', 'for a container that is not running yet'],
    ],
  ).action(async (wanted: string, operation: string, object: string, options: Options, command: Command) => {
    const isSocket = operation === 'communicate';
    const answer = await withClient(command, async (client) =>
      client.policies.explain({
        subject:
          options.labels === undefined
            ? { $case: 'containerId', value: await findContainer(wanted, client) }
            : { $case: 'container', value: { namespace: options.namespace, labels: readLabels(options.labels) } },
        operation,
        object: isSocket ? '' : object,
        newPath: options.to,
        filesystem: options.filesystem,
        program: options.program,
        parentProgram: options.parent,
        notOwner: options.other ?? false,
        terminal: options.terminal ?? false,
        arguments: options.argument ?? [],
        ...(isSocket && {
          socket: {
            family: options.family,
            type: options.type,
            protocol: 0,
            direction:
              options.direction === undefined ? 0 : Direction[options.direction === 'egress' ? 'EGRESS' : 'INGRESS'],
            port: Number(options.port ?? 0),
            address: object,
            name: options.name,
          },
        }),
      }),
    );
    if (options.output === 'table') terminal().out(`${describe(answer).join('\n')}\n`);
    else await print(options.output, toView(answer), () => []);
  });
}

function describe({ action, wouldBlock, decidedBy, overridden, omittedOverridden }: ExplainResponse): string[] {
  const colour = { ALLOW: 'green', AUDIT: 'yellow', BLOCK: 'red' } as const;
  const name = nameOf(Action, action) as keyof typeof colour;
  const verdict = coloured(colour[name], name.toLowerCase()) + (wouldBlock ? ', and without audit mode: block' : '');
  const by = printable(
    decidedBy === undefined
      ? 'no rule and no posture applies to it'
      : decidedBy.$case === 'posture'
        ? `no rule matches it: the default posture of ${nameOf(AccessClass, decidedBy.value).toLowerCase()}`
        : ruleText(decidedBy.value),
  );
  return [
    `${verdict}: ${by}`,
    ...overridden.map(({ rule, reason }) => printable(`  not ${ruleText(rule!)}: ${reason}`)),
    ...(omittedOverridden > 0n ? [`  nor ${omittedOverridden} more`] : []),
  ];
}

function ruleText({ policyNamespace, policy, rule, origin }: ExplainedRule): string {
  const name = decidingPolicyText(origin, policyNamespace, policy);
  return `${name} ${rule!.id} (${nameOf(Action, rule!.action).toLowerCase()} ${matchText(rule!)})`;
}

function toView({ action, wouldBlock, decidedBy, overridden, omittedOverridden }: ExplainResponse): object {
  const view = ({ policyNamespace, policy, rule, origin }: ExplainedRule) => ({
    policyNamespace,
    policy,
    origin: nameOf(PolicyOrigin, origin || PolicyOrigin.RPC),
    ...ruleView(rule!),
  });
  return {
    action: nameOf(Action, action),
    wouldBlock,
    ...(decidedBy?.$case === 'rule' && { rule: view(decidedBy.value) }),
    ...(decidedBy?.$case === 'posture' && { posture: nameOf(AccessClass, decidedBy.value) }),
    overridden: overridden.map(({ rule, reason }) => ({ ...view(rule!), reason })),
    ...(omittedOverridden > 0n && { omittedOverridden: Number(omittedOverridden) }),
  };
}
