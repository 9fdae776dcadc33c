import type { Command } from 'commander';
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
}

export function addApply(program: Command): void {
  program
    .command('apply')
    .description('add or replace the policies of manifests, all of them or none')
    .requiredOption('-f, --file <place...>', 'a file, a directory with all manifests below it, or - for standard input')
    .option('--dry-run', 'show what would change, and change nothing')
    .option('--force', 'also policies for the host that would stop what the host cannot do without')
    .action(async ({ file, dryRun, force = false }: ApplyOptions, command: Command) => {
      const manifests = readFiles(file);
      await withClient(command, (client) =>
        explained(manifests, async () => {
          const source = { $case: 'manifest', value: manifests.text } as const;
          const planned = await client.policies.validatePolicy({ source, force });
          const updated = planned.changes.filter(({ kind }) => kind === PolicyChange_Kind.UPDATED);
          if (updated.length > 0) {
            const { showDifferences } = await import('../policy-differences.js');
            await showDifferences(client, manifests, updated);
          }
          const { changes, omittedChanges } = dryRun ? planned : await client.policies.applyPolicy({ source, force });
          for (const change of changes) say(change, dryRun ? ' (dry run)' : '');
          sayOmitted(omittedChanges);
        }),
      );
    });
}

export function addValidate(program: Command): void {
  program
    .command('validate')
    .description('check manifests as the daemon does when they are applied; nothing is changed')
    .requiredOption('-f, --file <place...>', 'a file, a directory with all manifests below it, or - for standard input')
    .action(async ({ file }: { file: string[] }, command: Command) => {
      const manifests = readFiles(file);
      await withClient(command, (client) =>
        explained(manifests, async () => {
          const source = { $case: 'manifest', value: manifests.text } as const;
          const { changes, omittedChanges } = await client.policies.validatePolicy({ source });
          for (const change of changes) {
            for (const warning of change.warnings) process.stderr.write(`${keyOf(change)}: warning: ${warning}\n`);
          }
          const count = BigInt(changes.length) + omittedChanges;
          process.stdout.write(`${count} ${count === 1n ? 'policy is' : 'policies are'} valid\n`);
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
export async function explained(manifests: ManifestFiles, task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof HauberkError) || error.violations.length === 0) throw error;
    throw new CommandFailure(exitStatusOf(error), manifests.explain(error).join('\n'));
  }
}

/** The daemon tells of so many as fit an answer. */
function sayOmitted(omitted: bigint): void {
  if (omitted > 0n) process.stdout.write(`and ${omitted} more\n`);
}

function say(change: PolicyChange, suffix: string): void {
  const { kind, containerCount, warnings, conflicts } = change;
  const reach = `${containerCount} ${containerCount === 1n ? 'container' : 'containers'}`;
  const what = PolicyChange_Kind[kind].toLowerCase();
  process.stdout.write(`policy ${keyOf(change)} ${what}, reaches ${reach}${suffix}\n`);
  for (const warning of warnings) process.stderr.write(`${keyOf(change)}: warning: ${warning}\n`);
  for (const conflict of conflicts) process.stderr.write(`${keyOf(change)}: note: ${conflict}\n`);
}
