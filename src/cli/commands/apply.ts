import type { Command } from 'commander';
import { type HauberkClient, HauberkError, type PolicyChange, PolicyChange_Kind } from '../../client/index.js';
import { applyPlan, planOf } from '../apply-plan.js';
import { withClient } from '../connection.js';
import { CommandFailure, exitStatusOf } from '../exit-status.js';
import { withExamples } from '../help.js';
import { ManifestFiles } from '../manifest-files.js';
import { FILES_WORTH_PROGRESS, type Format, formatOption, Progress, print } from '../output.js';
import { policyChangeView, sayChange, sayOmitted } from '../policy-change.js';
import { keyOf } from '../policy-key.js';
import { terminal } from '../terminal.js';
import { waitingFor } from '../waiting.js';

interface ApplyOptions {
  readonly file: string[];
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly prune?: boolean;
  readonly output: Format;
}

export function addApply(program: Command): void {
  withExamples(
    program
      .command('apply')
      .description('add or replace the policies of manifests, all of them or none')
      .requiredOption(
        '-f, --file <place...>',
        'a file, a directory with all manifests below it, or - for standard input',
      )
      .option('--dry-run', 'show what would change, and change nothing')
      .option('--prune', 'delete all policies of the daemon that are not in these manifests')
      .option('--force', 'also policies for the host that would stop what the host cannot do without')
      .addOption(formatOption()),
    [
      ['hauberk apply -f web.yaml', 'one file, which may hold several policies'],
      ['hauberk apply --dry-run -f policies/', 'what would change, as a difference'],
      ['hauberk apply --prune -f policies/', 'exactly the policies of a directory, and no others'],
      ['hauberk apply --dry-run -o json -f - <web.yaml', 'the same for a program'],
    ],
  ).action(async (options: ApplyOptions, command: Command) => {
    const { file, dryRun = false, force = false, prune = false, output } = options;
    const manifests = readFiles(file);
    await withClient(command, (client) =>
      explained(manifests, async () => {
        const plan = await planOf(client, manifests.text, { force, prune });
        const differences = await differencesOf(client, manifests, plan.changes, output);
        const { changes, omittedChanges } = dryRun ? plan : await applyPlan(client, manifests.text, plan);
        const views = changes.map((change) => policyChangeView(change, differences.get(keyOf(change))));
        if (output !== 'table') {
          await print(output, views, () => []);
          sayOmitted(omittedChanges, 'err');
          return;
        }
        for (const change of changes) sayChange(change, dryRun ? ' (dry run)' : '');
        sayOmitted(omittedChanges, 'out');
      }),
    );
  });
}

export function addValidate(program: Command): void {
  withExamples(
    program
      .command('validate')
      .description('check manifests as the daemon does when they are applied; nothing is changed')
      .requiredOption(
        '-f, --file <place...>',
        'a file, a directory with all manifests below it, or - for standard input',
      ),
    [['hauberk validate -f policies/', 'every problem, with its file, line and column']],
  ).action(async ({ file }: { file: string[] }, command: Command) => {
    const manifests = readFiles(file);
    await withClient(command, (client) =>
      explained(manifests, async () => {
        const source = { $case: 'manifest', value: manifests.text } as const;
        const answer = client.policies.validatePolicy({ source });
        const { changes, omittedChanges } = await waitingFor('checking', answer);
        for (const change of changes) {
          for (const warning of change.warnings) terminal().err(`${keyOf(change)}: warning: ${warning}\n`);
        }
        const count = BigInt(changes.length) + omittedChanges;
        terminal().out(`${count} ${count === 1n ? 'policy is' : 'policies are'} valid\n`);
      }),
    );
  });
}

/** How policies change: shown to people before it is done, returned for programs. */
async function differencesOf(
  client: HauberkClient,
  manifests: ManifestFiles,
  changes: readonly PolicyChange[],
  output: Format,
): Promise<ReadonlyMap<string, string>> {
  if (!changes.some(({ kind }) => kind === PolicyChange_Kind.UPDATED)) return new Map();
  const differences = await import('../policy-differences.js');
  if (output !== 'table') return differences.differencesOf(client, manifests, changes);
  await differences.showDifferences(client, manifests, changes);
  return new Map();
}

function readFiles(places: readonly string[]): ManifestFiles {
  let progress: Progress | undefined;
  return new ManifestFiles(places, (read, total) => {
    if (total < FILES_WORTH_PROGRESS) return;
    progress ??= new Progress('manifests read:', total);
    progress.at(read);
  });
}

/** Turns a refusal into lines that name files. */
export async function explained(manifests: ManifestFiles, task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof HauberkError) || error.violations.length === 0) throw error;
    throw new CommandFailure(exitStatusOf(error), manifests.explain(error).join('\n'));
  }
}
