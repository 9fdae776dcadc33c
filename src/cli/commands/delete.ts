import type { Command } from 'commander';
import { checkPattern } from '../../image/pattern.js';
import { readManifest } from '../../policy/manifest.js';
import { DEFAULT_NAMESPACE } from '../../policy/validate.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { ManifestFiles } from '../manifest-files.js';

export function addDelete(program: Command): void {
  program
    .command('delete')
    .description('delete policies, by name or by the manifests that made them')
    .argument('[name...]', 'names of policies')
    .option('-f, --file <place...>', 'a file, a directory with all manifests below it, or - for standard input')
    .option('-n, --namespace <namespace>', 'namespace of the names', DEFAULT_NAMESPACE)
    .action(async (names: string[], options: { file?: string[]; namespace: string }, command: Command) => {
      const wanted = [
        ...names.map((name) => ({ namespace: options.namespace, name })),
        ...(options.file === undefined ? [] : namesIn(new ManifestFiles(options.file))),
      ];
      if (wanted.length === 0) throw new CommandFailure(EXIT.usage, 'name a policy, or a manifest with -f');
      await withClient(command, async (client) => {
        for (const { namespace, name } of wanted) {
          await client.policies.deletePolicy({ namespace, name });
          process.stdout.write(`policy ${namespace}/${name} deleted\n`);
        }
      });
    });
}

function namesIn(manifests: ManifestFiles): { namespace: string; name: string }[] {
  return readManifest(manifests.text, { checkPattern }).map(({ policy: { namespace, name } }) => ({ namespace, name }));
}
