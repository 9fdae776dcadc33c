import { type Command, Option } from 'commander';
import { DEFAULT_NAMESPACE, type PolicyOrigin, type Scope } from '../../policy/model.js';
import { POLICY_ORIGINS, SCOPES } from '../../rpc/names.js';
import { withClient } from '../connection.js';
import { withExamples } from '../help.js';
import { type ListOptions, show, watchOption } from '../listing.js';
import { containerListing, policyListing } from '../listings.js';
import { type Format, formatOption, listFormatOption, print } from '../output.js';
import { keyOf } from '../policy-key.js';
import { onlyOneOf } from '../policy-of-origin.js';
import { postureListing } from '../posture-listing.js';
import { originOption, scopeOption } from '../scope-option.js';
import { statusTable } from '../status-table.js';
import { terminal } from '../terminal.js';
import { policyView, statusView } from '../views.js';

interface NamespaceOptions extends ListOptions {
  readonly namespace?: string;
}

interface PolicyListOptions extends NamespaceOptions {
  readonly origin?: PolicyOrigin;
}

interface NamedOptions {
  readonly output: Exclude<Format, 'table'> | 'name';
  readonly namespace: string;
  readonly scope: Scope;
  readonly origin?: PolicyOrigin;
}

export function addGet(program: Command): void {
  const get = withExamples(program.command('get').description('show policies, containers, postures and status'), [
    ['hauberk get containers', 'what protects each, or why nothing does'],
    ['hauberk get policies -n shop', 'those of one namespace'],
    ['hauberk get policy web -n shop >web.yaml', 'to change it and apply it again'],
  ]);
  const listOf = (name: string, description: string) =>
    get
      .command(name)
      .description(description)
      .addOption(listFormatOption())
      .option('-n, --namespace <namespace>', 'of one namespace')
      .addOption(watchOption());

  withExamples(listOf('policies', 'the policies').addOption(originOption()), [
    ['hauberk get policies -n shop', 'those of one namespace'],
    ['hauberk get policies -o wide', 'also show whether their guards are on'],
    ['hauberk get policies --origin rpc', 'those applied by controllers'],
    ['hauberk get policies -o name', 'only names, for a script'],
  ]).action(async ({ namespace = '', origin, ...options }: PolicyListOptions, command: Command) => {
    await show(command, policyListing(namespace, origin && POLICY_ORIGINS[origin]), options);
  });

  withExamples(
    get
      .command('policy')
      .description('one policy, as a manifest that can be applied again')
      .argument('<policy>')
      .addOption(
        new Option('-o, --output <format>', 'yaml, json or name').choices(['yaml', 'json', 'name']).default('yaml'),
      )
      .option('-n, --namespace <namespace>', 'its namespace', DEFAULT_NAMESPACE)
      .addOption(scopeOption())
      .addOption(originOption()),
    [['hauberk get policy web -n shop >web.yaml', 'to change it and apply it again']],
  ).action(async (name: string, { output, namespace, scope, origin }: NamedOptions, command: Command) => {
    const place = { namespace: scope === 'namespace' ? namespace : '', scope: SCOPES[scope] };
    const named = { name, ...place };
    const origins = origin === undefined ? Object.values(POLICY_ORIGINS) : [POLICY_ORIGINS[origin]];
    const { policy, manifest } = await withClient(command, (client) => onlyOneOf(client, named, origins));
    if (output === 'json') await print('json', policyView(policy!), () => []);
    else terminal().out(output === 'name' ? `${keyOf(policy!)}\n` : manifest);
  });

  withExamples(listOf('containers', 'the containers that policies can reach'), [
    ['hauberk get containers', 'what protects each, or why nothing does'],
    ['hauberk get containers -w', 'as they come and go'],
    ['hauberk get containers -o wide', 'with labels and namespaces of the kernel'],
  ]).action(async ({ namespace = '', ...options }: NamespaceOptions, command: Command) => {
    await show(command, containerListing(namespace), options);
  });

  withExamples(
    get
      .command('postures')
      .description('what happens to accesses that no rule matches')
      .addOption(listFormatOption())
      .addOption(watchOption()),
    [['hauberk get postures', 'of each namespace; hauberk posture set changes them']],
  ).action(async (options: ListOptions, command: Command) => {
    await show(command, postureListing(), options);
  });

  withExamples(get.command('status').description('the state of the daemon and its kernel').addOption(formatOption()), [
    ['hauberk get status -o json', 'for a program; the exit status of hauberk status says whether it enforces'],
  ]).action(async ({ output }: { output: Format }, command: Command) => {
    const status = statusView(await withClient(command, (client) => client.host.getStatus()));
    await print(output, status, () => statusTable(status));
  });
}
