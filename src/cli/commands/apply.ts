import type { Command } from 'commander';
import { type HauberkClient, HauberkError, PolicyChange_Kind } from '../../client/messages.js';
import { counted } from '../../counted.js';
import { applyPlan, type Plan, planOf } from '../apply-plan.js';
import { withClient } from '../connection.js';
import { CommandFailure, exitStatusOf } from '../exit-status.js';
import { ignoreForeignOption, printIgnored } from '../foreign.js';
import { withExamples } from '../help.js';
import { ManifestFiles } from '../manifest-files.js';
import { FILES_WORTH_PROGRESS, type Format, formatOption, Progress, print } from '../output.js';
import { OWN_ORIGIN } from '../own-origin.js';
import { policyChangeView, printChange, printOmitted, printWarnings } from '../policy-change.js';
import { keyOf } from '../policy-key.js';
import { terminal } from '../terminal.js';
import { waitingFor } from '../waiting.js';

interface ApplyOptions {
  readonly file: string[];
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly prune?: boolean;
  readonly ignoreForeign?: boolean;
  readonly output: Format;
}

type ValidateOptions = Pick<ApplyOptions, 'file' | 'ignoreForeign'>;

export function addApply(program: Command): void {
  withExamples(
    program
      .command('apply')
      .description('add or replace the policies in manifests, all of them or none')
      .requiredOption(
        '-f, --file <place...>',
        'a file, a directory (with all manifests below it), or - for standard input',
      )
      .option('--dry-run', 'show what would change, without changing it')
      .option('--prune', 'delete all policies applied from the command line that are not in these manifests')
      .option('--force', 'also accept policies for the host that would block what the host needs to work')
      .addOption(ignoreForeignOption())
      .addOption(formatOption()),
    [
      ['hauberk apply -f web.yaml', 'one file, which may hold several policies'],
      ['hauberk apply --dry-run -f policies/', 'what would change, as a difference'],
      ['hauberk apply --prune -f policies/', 'exactly the policies of a directory, and no others'],
      ['hauberk apply --ignore-foreign -f cluster.yaml', 'only the policies in a cluster export'],
      ['hauberk apply --dry-run -o json -f - <web.yaml', 'the same for a program'],
    ],
  ).action(async (options: ApplyOptions, command: Command) => {
    const { file, dryRun = false, force = false, prune = false, ignoreForeign = false, output } = options;
    const manifests = readFiles(file);
    await withClient(command, (client) =>
      explained(manifests, ignoreForeign, async () => {
        const plan = await planOf(client, manifests.text, { force, prune, ignoreForeign });
        const differences = await differencesOf(client, manifests, plan, output);
        const { changes, omittedChanges } = dryRun ? plan : await applyPlan(client, manifests.text, plan);
        const reported = changes.map((change) => ({
          ...change,
          warnings: change.warnings.map((it) => manifests.remark(it)),
        }));
        if (output === 'table') for (const change of reported) printChange(change, dryRun ? ' (dry run)' : '');
        else {
          const views = reported.map((change) => policyChangeView(change, differences.get(keyOf(change))));
          await print(output, views, () => []);
        }
        printOmitted(omittedChanges, output === 'table' ? 'out' : 'err');
        printIgnored(plan.ignored);
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
        'a file, a directory (with all manifests below it), or - for standard input',
      )
      .addOption(ignoreForeignOption()),
    [
      ['hauberk validate -f policies/', 'every problem, with its file, line and column'],
      ['kubectl get -A all,ksp -o yaml | hauberk validate --ignore-foreign -f -', 'the policies among other objects'],
    ],
  ).action(async ({ file, ignoreForeign = false }: ValidateOptions, command: Command) => {
    const manifests = readFiles(file);
    await withClient(command, (client) =>
      explained(manifests, ignoreForeign, async () => {
        const source = { $case: 'manifest', value: manifests.text } as const;
        const request = client.policies.validatePolicy({ source, ignoreForeign, origin: OWN_ORIGIN });
        const { changes, omittedChanges, ignored } = await waitingFor('checking', request);
        for (const change of changes) printWarnings(change, (warning) => manifests.remark(warning));
        printIgnored(ignored);
        const count = BigInt(changes.length) + omittedChanges;
        terminal().out(`${counted(count, 'policy is', 'policies are')} valid\n`);
      }),
    );
  });
}

/** How policies change: shown to people before it is done, returned for programs. */
async function differencesOf(
  client: HauberkClient,
  manifests: ManifestFiles,
  { changes, ignoreForeign }: Plan,
  output: Format,
): Promise<ReadonlyMap<string, string>> {
  if (!changes.some(({ kind }) => kind === PolicyChange_Kind.UPDATED)) return new Map();
  const differences = await import('../policy-differences.js');
  if (output !== 'table') return differences.differencesOf(client, manifests, changes, ignoreForeign);
  await differences.showDifferences(client, manifests, changes, ignoreForeign);
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
export async function explained(
  manifests: ManifestFiles,
  ignoreForeign: boolean,
  task: () => Promise<void>,
): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof HauberkError) || error.violations.length === 0) throw error;
    const lines = await manifests.explainAll(error, ignoreForeign);
    throw new CommandFailure(exitStatusOf(error), lines.join('\n'));
  }
}
