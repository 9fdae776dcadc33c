import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { HauberkError, type RestoreRequest } from '../../client/messages.js';
import { counted } from '../../counted.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT, exitStatusOf } from '../exit-status.js';
import { fileProblem } from '../file-problem.js';
import { withExamples } from '../help.js';
import { printOmitted } from '../policy-change.js';
import { terminal } from '../terminal.js';
import { waitingFor } from '../waiting.js';

const STANDARD = '-';
/** Readable by the owner only, since policies show what is protected on a host and what is not. */
const OWNER_ONLY = 0o600;

export function addBackup(program: Command): void {
  withExamples(
    program
      .command('backup')
      .description(
        'write the policies, postures and visibility settings of this host to a file that can be read, and restored',
      )
      .argument('<file>', 'where to, or - for standard output'),
    [['hauberk backup host.yaml', 'all policies and postures of this host, as manifests']],
  ).action(async (file: string, _: object, command: Command) => {
    const { toBackupFile } = await import('../backup-file.js');
    const backup = await withClient(command, (client) => waitingFor('reading', client.state.backup()));
    const text = toBackupFile(backup, new Date());
    if (file === STANDARD) {
      terminal().out(text);
      return;
    }
    write(file, text);
    terminal().out(`${file}: ${contentsOf(backup)}\n`);
  });
}

export function addRestore(program: Command): void {
  withExamples(
    program
      .command('restore')
      .description(
        'replace the policies, postures and visibility settings of this host by those of a backup, also where its stored state is damaged',
      )
      .argument('<file>', 'what `hauberk backup` wrote, or - for standard input')
      .option('--force', 'also accept policies for the host that would block what the host needs to work'),
    [['hauberk restore host.yaml', 'all others are removed']],
  ).action(async (file: string, { force = false }: { force?: boolean }, command: Command) => {
    const { BackupFile } = await import('../backup-file.js');
    const backup = new BackupFile(file === STANDARD ? 'standard input' : file, read(file));
    try {
      const restored = await withClient(command, (client) =>
        waitingFor('restoring', client.state.restore({ ...backup.request, force })),
      );
      const { changes, omittedChanges } = restored;
      for (const { namespace, name, warnings } of changes)
        for (const warning of warnings) terminal().err(`${namespace}/${name}: warning: ${warning}\n`);
      printOmitted(omittedChanges, 'err');
    } catch (error) {
      if (!(error instanceof HauberkError) || error.violations.length === 0) throw error;
      throw new CommandFailure(exitStatusOf(error), backup.explain(error).join('\n'));
    }
    terminal().out(`restored: ${contentsOf(backup.request)}\n`);
  });
}

/** An earlier backup stays intact if this one cannot be written. */
function write(file: string, text: string): void {
  try {
    writeFileSync(`${file}.new`, text, { mode: OWNER_ONLY, flush: true });
    renameSync(`${file}.new`, file);
  } catch (error) {
    throw new CommandFailure(EXIT.failed, fileProblem(error));
  }
}

function read(file: string): string {
  try {
    return readFileSync(file === STANDARD ? 0 : file, 'utf8');
  } catch (error) {
    throw new CommandFailure(EXIT.usage, fileProblem(error));
  }
}

/** A short summary. */
function contentsOf({
  manifests,
  postures,
  visibility,
}: Pick<RestoreRequest, 'manifests' | 'postures'> & Pick<Partial<RestoreRequest>, 'visibility'>): string {
  const settings = visibility?.settings.length ?? 0;
  return [
    counted(manifests.length, 'policy', 'policies'),
    `postures of ${counted(postures.length, 'namespace')}`,
    ...(settings > 0 ? [counted(settings, 'setting of visibility', 'settings of visibility')] : []),
  ].join(', ');
}
