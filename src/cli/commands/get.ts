import type { Command } from 'commander';
import { Scope } from '../../client/index.js';
import { DEFAULT_NAMESPACE, type Scope as ScopeName } from '../../policy/model.js';
import { SCOPES } from '../../rpc/names.js';
import { withClient } from '../connection.js';
import { type Format, formatOption, print } from '../output.js';
import { scopeOption } from '../scope-option.js';
import {
  containerView,
  modeText,
  nameOf,
  policyView,
  postureView,
  selectorText,
  statusView,
  timeText,
} from '../views.js';

interface Options {
  readonly output: Format;
  readonly namespace?: string;
}

interface NamedOptions extends Options {
  readonly scope: ScopeName;
}

export function addGet(program: Command): void {
  const get = program.command('get').description('show what the daemon holds');

  get
    .command('policies')
    .description('the policies')
    .addOption(formatOption())
    .option('-n, --namespace <namespace>', 'of one namespace')
    .action(async ({ output: format, namespace = '' }: Options, command: Command) => {
      const { policies } = await withClient(command, (client) => client.policies.listPolicies({ namespace }));
      await print(format, policies.map(policyView), () => [
        ['NAMESPACE', 'NAME', 'SCOPE', 'MODE', 'PRIORITY', 'EXPIRES', 'VERSION', 'RULES', 'SELECTOR'],
        ...policies.map(({ namespace: of, name, scope, mode, priority, expires, resourceVersion, rules, selector }) => [
          of || '-',
          name,
          nameOf(Scope, scope).toLowerCase(),
          modeText(mode),
          String(priority),
          expires === undefined ? '-' : timeText(expires).replace(/\.0+Z$/u, 'Z'),
          String(resourceVersion),
          String(rules.length),
          selectorText(selector),
        ]),
      ]);
    });

  get
    .command('policy')
    .description('one policy, as the manifest it can be applied by')
    .argument('<name>')
    .addOption(formatOption().default('yaml'))
    .option('-n, --namespace <namespace>', 'its namespace', DEFAULT_NAMESPACE)
    .addOption(scopeOption())
    .action(async (name: string, { output: format, namespace = '', scope }: NamedOptions, command: Command) => {
      const named = { name, namespace: scope === 'namespace' ? namespace : '', scope: SCOPES[scope] };
      const { policy, manifest } = await withClient(command, (client) => client.policies.getPolicy(named));
      if (format === 'json') await print('json', policyView(policy!), () => []);
      else process.stdout.write(manifest);
    });

  get
    .command('containers')
    .description('the containers policies can reach')
    .addOption(formatOption())
    .option('-n, --namespace <namespace>', 'of one namespace')
    .action(async ({ output: format, namespace = '' }: Options, command: Command) => {
      const { containers } = await withClient(command, (client) => client.containers.listContainers({ namespace }));
      await print(format, containers.map(containerView), () => [
        ['NAMESPACE', 'NAME', 'ID', 'ORIGIN', 'PID', 'PROTECTED', 'POLICIES'],
        ...containers
          .map(containerView)
          .map((container) => [
            container.namespace,
            container.name,
            container.id.slice(0, 12),
            container.origin.toLowerCase(),
            String(container.pid),
            protectionText(container),
            container.policies.join(','),
          ]),
      ]);
    });

  get
    .command('postures')
    .description('what happens to accesses no rule names')
    .addOption(formatOption())
    .action(async ({ output: format }: Options, command: Command) => {
      const { defaults, namespaces } = await withClient(command, (client) => client.policies.listPostures());
      const rows = [
        { namespace: '', postures: postureView(defaults) },
        ...namespaces.map(({ namespace, postures }) => ({ namespace, postures: postureView(postures) })),
      ];
      await print(format, rows, () => [
        ['NAMESPACE', 'PROCESS', 'FILE', 'NETWORK', 'CAPABILITY'],
        ...rows.map(({ namespace, postures }) => [
          namespace || '(every other)',
          ...['PROCESS', 'FILE', 'NETWORK', 'CAPABILITY'].map((name) => postures[name]?.toLowerCase() ?? ''),
        ]),
      ]);
    });

  get
    .command('status')
    .description('how the daemon and its kernel are')
    .addOption(formatOption())
    .action(async ({ output: format }: Options, command: Command) => {
      const status = statusView(await withClient(command, (client) => client.host.getStatus()));
      await print(format, status, () =>
        Object.entries({
          ...status,
          sources: status.sources.map(sourceText),
          missingHooks: status.missingHooks.map(missingHookText),
        }).flatMap(([name, value]) => {
          if (LISTS.includes(name)) return (value as string[]).map((line) => [name, line]);
          return [[name, Array.isArray(value) ? value.join(' ') : String(value)]];
        }),
      );
    });
}

/** How a container came under its policies, or why it did not. */
function protectionText({ protection }: ReturnType<typeof containerView>): string {
  if (!protection.protected) return `no: ${protection.reason}`;
  const by = protection.by.toLowerCase() || 'yes';
  return protection.leftOutPolicies.length === 0 ? by : `${by}, without ${protection.leftOutPolicies.join(' ')}`;
}

/** Parts of the status of which each entry has a line. */
const LISTS = ['sources', 'warnings', 'missingHooks'];

type MissingHookView = ReturnType<typeof statusView>['missingHooks'][number];

function missingHookText({ hook, what, notCovered, reason }: MissingHookView): string {
  const uncovered = notCovered.map(({ class: ruleClass, operation }) => `${ruleClass.toLowerCase()} ${operation}`);
  return `${hook} (${what}): not covered: ${uncovered.join(', ')}; ${reason.replaceAll('\n', '; ')}`;
}

type SourceView = ReturnType<typeof statusView>['sources'][number];

function sourceText({ name, address, connected, reason, containers, whenUnanswered }: SourceView): string {
  const state = connected ? `connected, ${containers} containers` : `not connected${reason && `: ${reason}`}`;
  const unanswered = whenUnanswered && `, starts are ${whenUnanswered.toLowerCase()} when unanswered`;
  return `${name} at ${address}: ${state}${unanswered}`;
}
