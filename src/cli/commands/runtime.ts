import { Argument, type Command, Option } from 'commander';
import { applyChange, describeChange } from '../../runtime-setup/change.js';
import {
  BUILT_HOOK,
  HOOK_CONFIGURATION,
  HOOK_DIRECTORY,
  type WhenUnanswered,
} from '../../runtime-setup/hook-program.js';
import { Host } from '../../runtime-setup/host.js';
import {
  type Plan,
  RUNTIMES,
  type RuntimeName,
  type RuntimeSetup,
  type SetupOptions,
  type SetupStatus,
} from '../../runtime-setup/setup.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { withExamples } from '../help.js';
import { columns, type Format, formatOption, print } from '../output.js';
import { terminal } from '../terminal.js';

interface CommonOptions {
  readonly root: string;
  readonly config?: string;
  readonly hookDirectory: string;
}

interface ChangeOptions extends CommonOptions {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly reload?: boolean;
}

interface InstallOptions extends ChangeOptions {
  readonly hook?: string;
  readonly whenUnanswered?: WhenUnanswered;
  readonly exemptNamespace?: readonly string[];
  readonly baseSpec?: string;
  readonly nri?: boolean;
}

/** In place of a runtime: the one that runs this node's pods. */
const KUBERNETES = 'kubernetes';
type Target = RuntimeName | typeof KUBERNETES;

const STATUS_HELP = `
A runtime's state is one of
  in-force          every container it creates starts under the hook
  partly            as before, but there are containers that were made without it
  not-in-force-yet  configured, but the runtime has not read it yet, or is not running
  incomplete        configured, but a part is missing or another setting wins
  not-installed     not configured
The exit status is 0 if every runtime listed is in-force, otherwise 6.`;

export function addRuntime(program: Command): void {
  const runtime = withExamples(
    program
      .command('runtime')
      .description(
        "configure this host's container runtimes to start every container under its policy from the first instruction",
      ),
    [
      ['hauberk runtime install docker --dry-run', 'only show what would change'],
      ['hauberk runtime status', 'all runtimes that are installed'],
    ],
  );

  withExamples(
    withChangeOptions(runtime.command('install'))
      .description("configure the runtime to call Hauberk's hook; the change is shown first, no runtime is restarted")
      .option('--hook <file>', "the program to copy to the hook directory (default: this installation's)")
      .addOption(
        new Option(
          '--when-unanswered <what>',
          'what the hook does with a container when hauberkd does not answer (default: as configured, otherwise refuse)',
        ).choices(['refuse', 'allow']),
      )
      .option(
        '--exempt-namespace <namespace...>',
        'namespaces of Kubernetes whose containers may start unprotected when hauberkd does not answer',
      )
      .option('--base-spec <file>', 'containerd: its default specification (default: what "ctr oci spec" prints)')
      .option('--nri', 'containerd: switch NRI on as well'),
    [
      ['hauberk runtime install docker --dry-run', 'only show what would change'],
      ['hauberk runtime install docker --reload', 'and make dockerd load it'],
      ['hauberk runtime install kubernetes --root /host', 'in a pod, for its node'],
    ],
  ).action(async (target: Target, options: InstallOptions) => {
    const setup = await setupFor(target, options);
    if (setup === undefined)
      throw new CommandFailure(
        EXIT.failed,
        'no /etc/crio and no /etc/containerd/config.toml: name the runtime of this node, and its file with --config',
      );
    await change(setup, setup.planInstall(), options, 'already installed');
  });

  withExamples(withChangeOptions(runtime.command('uninstall')).description('undo what install wrote'), [
    ['hauberk runtime uninstall docker', 'before Hauberk is removed from the host'],
  ]).action(async (target: Target, options: ChangeOptions) => {
    const setup = await setupFor(target, options);
    if (setup === undefined) terminal().out(`${target}: not installed\n`);
    else await change(setup, setup.planUninstall(), options, 'not installed');
  });

  withExamples(
    withCommonOptions(runtime.command('status'))
      .description('show whether containers start under the hook, and which were created without it')
      .addArgument(new Argument('[runtime...]', 'by default those that are installed').choices(RUNTIMES))
      .addOption(formatOption())
      .addHelpText('after', STATUS_HELP),
    [['hauberk runtime status', 'all runtimes that are installed']],
  ).action(async (names: RuntimeName[], options: CommonOptions & { output: Format }) => {
    const { setupOf } = await importSetups();
    const host = new Host(options.root);
    const setups = (names.length > 0 ? names : RUNTIMES).map((name) => setupOf(name, host, setupOptions(options)));
    const chosen = names.length > 0 ? setups : setups.filter((setup) => setup.isPresent());
    const statuses = await Promise.all(chosen.map((setup) => setup.status()));
    if (options.output === 'table') terminal().out(describeStatuses(statuses));
    else await print(options.output, statuses, () => []);
    if (!statuses.every(({ state }) => state === 'in-force')) terminal().exitStatus = EXIT.notInForce;
  });
}

/** They read and write many formats, which no other command needs. */
function importSetups() {
  return import('../../runtime-setup/setup-of.js');
}

function withCommonOptions(command: Command): Command {
  return command
    .option('--root <directory>', 'work on the host whose root directory is this one', '/')
    .option('--config <file>', "the runtime's configuration file, if it is not the usual one")
    .option('--hook-directory <directory>', 'where the hook program is installed', HOOK_DIRECTORY);
}

function withChangeOptions(command: Command): Command {
  return withCommonOptions(command)
    .addArgument(new Argument('<runtime>', "kubernetes: the node's own").choices([...RUNTIMES, KUBERNETES]))
    .option('-y, --yes', 'do not ask for confirmation')
    .option('--dry-run', 'only show the change')
    .option('--reload', 'docker: make dockerd reload its configuration afterwards (SIGHUP)');
}

function setupOptions(options: CommonOptions & Partial<InstallOptions>): SetupOptions {
  return {
    hookSource: options.hook ?? BUILT_HOOK,
    hookDirectory: options.hookDirectory,
    configuration: options.config,
    whenUnanswered: options.whenUnanswered,
    exemptNamespaces: options.exemptNamespace,
    baseSpec: options.baseSpec,
    nri: options.nri,
    reload: options.reload,
  };
}

async function setupFor(target: Target, options: InstallOptions): Promise<RuntimeSetup | undefined> {
  const { runtimeOfNode, setupOf } = await importSetups();
  const host = new Host(options.root);
  const name = target === KUBERNETES ? runtimeOfNode(host) : target;
  if (name === undefined) return undefined;
  // The same command runs on every node: what the administrator of one has chosen stays.
  const keepsSettings = target === KUBERNETES && host.exists(HOOK_CONFIGURATION);
  const { whenUnanswered, exemptNamespaces, ...rest } = setupOptions(options);
  const setup = setupOf(name, host, keepsSettings ? rest : { whenUnanswered, exemptNamespaces, ...rest });
  checkReload(setup, options);
  return setup;
}

function checkReload(setup: RuntimeSetup, { reload, root }: ChangeOptions): void {
  if (!reload) return;
  if (setup.reload === undefined)
    throw new CommandFailure(EXIT.usage, `${setup.name} cannot read its configuration again without a restart`);
  if (root !== '/') throw new CommandFailure(EXIT.usage, '--reload is for the running dockerd, not for --root');
}

async function change(setup: RuntimeSetup, plan: Plan, options: ChangeOptions, unchanged: string): Promise<void> {
  for (const each of plan.changes) terminal().out(describeChange(each));
  if (plan.changes.length === 0) terminal().out(`${setup.name}: ${unchanged}\n`);
  else if (!options.dryRun) {
    await confirm(options);
    write(plan, new Host(options.root));
  }
  for (const note of plan.notes) terminal().out(`note: ${note}\n`);
  if (options.reload && !options.dryRun) await reload(setup);
}

function write({ changes }: Plan, host: Host): void {
  for (const each of changes) {
    const copy = applyChange(host, each);
    const done = each.after === undefined ? 'removed' : 'wrote';
    terminal().out(`${done} ${each.path}${copy === undefined ? '' : `; the former is ${copy}`}\n`);
  }
}

async function confirm({ yes }: ChangeOptions): Promise<void> {
  if (yes) return;
  const answer = await terminal().ask('Make these changes? [y/N] ');
  if (answer === undefined)
    throw new CommandFailure(
      EXIT.usage,
      'nothing was changed: without a terminal for the confirmation, give --yes or --dry-run',
    );
  if (!/^y(es)?$/iu.test(answer.trim())) throw new CommandFailure(EXIT.refused, 'nothing was changed');
}

async function reload(setup: RuntimeSetup): Promise<void> {
  if (await setup.reload!()) terminal().out(`${setup.name} has read its configuration again\n`);
  else
    throw new CommandFailure(
      EXIT.failed,
      `${setup.name} was told to reload its configuration but has not done so: see its log`,
    );
}

function describeStatuses(statuses: readonly SetupStatus[]): string {
  const rows = statuses.map(({ runtime, state, whenUnanswered = '', configuration }) => [
    ...[runtime, state, whenUnanswered, configuration],
  ]);
  const notes = statuses.flatMap(({ runtime, notes: each }) => each.map((note) => `${runtime}: ${note}\n`));
  const uncovered = statuses.flatMap(({ uncovered: containers }) => containers);
  const made = uncovered.map(({ name, id, runtime, running }) => [
    ...[name, id.slice(0, 12), runtime, running ? 'running' : 'stopped'],
  ]);
  return [
    columns([['RUNTIME', 'STATE', 'WHEN UNANSWERED', 'CONFIGURATION'], ...rows]),
    ...notes,
    ...(made.length > 0 ? [`Created under another runtime, and not covered until they are recreated:\n`] : []),
    ...(made.length > 0 ? [columns([['NAME', 'ID', 'RUNTIME', 'STATE'], ...made])] : []),
  ].join('');
}
