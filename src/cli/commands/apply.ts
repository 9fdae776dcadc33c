import { type Command, Option } from 'commander';
import { HauberkError, type PolicyChange, PolicyChange_Kind } from '../../client/index.js';
import { withClient } from '../connection.js';
import { CommandFailure, exitStatusOf } from '../exit-status.js';
import { ManifestFiles } from '../manifest-files.js';
import { FILES_WORTH_PROGRESS, Progress } from '../output.js';
import { keyOf } from '../policy-key.js';

interface ApplyOptions {
  readonly file: string[];
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly ignoreForeign?: boolean;
}

/** What passes over other kinds of objects. */
export function ignoreForeignOption(): Option {
  return new Option(
    '--ignore-foreign',
    'pass over objects of other kinds, as directories and exports of a cluster have them',
  );
}

export function addApply(program: Command): void {
  program
    .command('apply')
    .description('add or replace the policies of manifests, all of them or none')
    .requiredOption('-f, --file <place...>', 'a file, a directory with all manifests below it, or - for standard input')
    .option('--dry-run', 'show what would change, and change nothing')
    .option('--force', 'also policies for the host that would stop what the host cannot do without')
    .addOption(ignoreForeignOption())
    .action(async ({ file, dryRun, force = false, ignoreForeign = false }: ApplyOptions, command: Command) => {
      const manifests = readFiles(file);
      await withClient(command, (client) =>
        explained(manifests, ignoreForeign, async () => {
          const source = { $case: 'manifest', value: manifests.text } as const;
          const planned = await client.policies.validatePolicy({ source, force, ignoreForeign });
          const updated = planned.changes.filter(({ kind }) => kind === PolicyChange_Kind.UPDATED);
          if (updated.length > 0) {
            const { showDifferences } = await import('../policy-differences.js');
            await showDifferences(client, manifests, updated, ignoreForeign);
          }
          const { changes } = dryRun ? planned : await client.policies.applyPolicy({ source, force, ignoreForeign });
          for (const change of changes) say(change, manifests, dryRun ? ' (dry run)' : '');
          sayIgnored(planned.ignored);
        }),
      );
    });
}

export function addValidate(program: Command): void {
  program
    .command('validate')
    .description('check manifests as the daemon does when they are applied; nothing is changed')
    .requiredOption('-f, --file <place...>', 'a file, a directory with all manifests below it, or - for standard input')
    .addOption(ignoreForeignOption())
    .action(async ({ file, ignoreForeign = false }: Omit<ApplyOptions, 'dryRun' | 'force'>, command: Command) => {
      const manifests = readFiles(file);
      await withClient(command, (client) =>
        explained(manifests, ignoreForeign, async () => {
          const source = { $case: 'manifest', value: manifests.text } as const;
          const { changes, ignored } = await client.policies.validatePolicy({ source, ignoreForeign });
          for (const change of changes) sayWarnings(change, manifests);
          sayIgnored(ignored);
          process.stdout.write(`${changes.length} ${changes.length === 1 ? 'policy is' : 'policies are'} valid\n`);
        }),
      );
    });
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

/** Says how many objects were passed over, if any. */
export function sayIgnored(count: number | undefined): void {
  if (count)
    process.stderr.write(
      `${count} ${count === 1 ? 'object of another kind was' : 'objects of other kinds were'} passed over\n`,
    );
}

function sayWarnings(change: PolicyChange, manifests: ManifestFiles): void {
  for (const warning of change.warnings)
    process.stderr.write(`${keyOf(change)}: warning: ${manifests.remark(warning)}\n`);
}

function say(change: PolicyChange, manifests: ManifestFiles, suffix: string): void {
  const { kind, containerIds, conflicts } = change;
  const reach = `${containerIds.length} ${containerIds.length === 1 ? 'container' : 'containers'}`;
  const what = PolicyChange_Kind[kind].toLowerCase();
  process.stdout.write(`policy ${keyOf(change)} ${what}, reaches ${reach}${suffix}\n`);
  sayWarnings(change, manifests);
  for (const conflict of conflicts) process.stderr.write(`${keyOf(change)}: note: ${conflict}\n`);
}
