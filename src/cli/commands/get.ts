import { type Command, Option } from 'commander';
import { DEFAULT_NAMESPACE, type PolicyOrigin, type Scope } from '../../policy/model.js';
import { POLICY_ORIGINS, SCOPES } from '../../rpc/names.js';
import { withClient } from '../connection.js';
import { withExamples } from '../help.js';
import { type ListOptions, show, watchOption } from '../listing.js';
import { containerListing, policyListing } from '../listings.js';
import { type Format, formatOption, listFormatOption, print } from '../output.js';
import { keyOf } from '../policy-key.js';
import { postureListing } from '../posture-listing.js';
import { originOption, scopeOption } from '../scope-option.js';
import { statusTable } from '../status-table.js';
import { terminal } from '../terminal.js';
import { policyView, statusView } from '../views.js';

interface NamespaceOptions extends ListOptions {
  readonly namespace?: string;
}

interface NamedOptions {
  readonly output: Exclude<Format, 'table'> | 'name';
  readonly namespace: string;
  readonly scope: Scope;
  readonly origin: PolicyOrigin;
}

export function addGet(program: Command): void {
  const get = program.command('get').description('show what the daemon holds');
  const listOf = (name: string, description: string) =>
    get
      .command(name)
      .description(description)
      .addOption(listFormatOption())
      .option('-n, --namespace <namespace>', 'of one namespace')
      .addOption(watchOption());

  withExamples(listOf('policies', 'the policies'), [
    ['hauberk get policies -n shop', 'those of one namespace'],
    ['hauberk get policies -o wide', 'also whether their guards are on'],
    ['hauberk get policies -o name', 'names alone, for a script'],
  ]).action(async ({ namespace = '', ...options }: NamespaceOptions, command: Command) => {
    await show(command, policyListing(namespace), options);
  });

  withExamples(
    get
      .command('policy')
      .description('one policy, as the manifest it can be applied by')
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
    const named = { name, ...place, origin: POLICY_ORIGINS[origin] };
    const { policy, manifest } = await withClient(command, (client) => client.policies.getPolicy(named));
    if (output === 'json') await print('json', policyView(policy!), () => []);
    else terminal().out(output === 'name' ? `${keyOf(policy!)}\n` : manifest);
  });

  withExamples(listOf('containers', 'the containers policies can reach'), [
    ['hauberk get containers', 'what protects each, or why nothing does'],
    ['hauberk get containers -w', 'as they come and go'],
    ['hauberk get containers -o wide', 'with labels and namespaces of the kernel'],
  ]).action(async ({ namespace = '', ...options }: NamespaceOptions, command: Command) => {
    await show(command, containerListing(namespace), options);
  });

  withExamples(
    get
      .command('postures')
      .description('what happens to accesses no rule names')
      .addOption(listFormatOption())
      .addOption(watchOption()),
    [['hauberk get postures', 'of each namespace; hauberk posture set changes them']],
  ).action(async (options: ListOptions, command: Command) => {
    await show(command, postureListing(), options);
  });

  withExamples(get.command('status').description('how the daemon and its kernel are').addOption(formatOption()), [
    ['hauberk get status -o json', 'for a program; hauberk status tells by its exit status whether it enforces'],
  ]).action(async ({ output }: { output: Format }, command: Command) => {
    const status = statusView(await withClient(command, (client) => client.host.getStatus()));
    await print(output, status, () => statusTable(status));
  });
}
