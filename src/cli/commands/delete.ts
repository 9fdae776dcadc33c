import type { Command } from 'commander';
import { checkPattern } from '../../image/pattern.js';
import { readManifest } from '../../policy/manifest.js';
import type { PolicyName, Scope } from '../../policy/model.js';
import { policyKey } from '../../policy/model.js';
import { DEFAULT_NAMESPACE } from '../../policy/validate.js';
import { SCOPES } from '../../rpc/names.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { ManifestFiles } from '../manifest-files.js';
import { scopeOption } from '../scope-option.js';

interface Options {
  readonly file?: string[];
  readonly namespace: string;
  readonly scope: Scope;
}

export function addDelete(program: Command): void {
  program
    .command('delete')
    .description('delete policies, by name or by the manifests that made them')
    .argument('[name...]', 'names of policies')
    .option('-f, --file <place...>', 'a file, a directory with all manifests below it, or - for standard input')
    .option('-n, --namespace <namespace>', 'namespace of the names', DEFAULT_NAMESPACE)
    .addOption(scopeOption())
    .action(async (names: string[], options: Options, command: Command) => {
      const { scope } = options;
      const namespace = scope === 'namespace' ? options.namespace : '';
      const wanted: PolicyName[] = [
        ...names.map((name) => ({ namespace, name, scope })),
        ...(options.file === undefined ? [] : namesIn(new ManifestFiles(options.file))),
      ];
      if (wanted.length === 0) throw new CommandFailure(EXIT.usage, 'name a policy, or a manifest with -f');
      await withClient(command, async (client) => {
        for (const named of wanted) {
          await client.policies.deletePolicy({ ...named, scope: SCOPES[named.scope ?? 'namespace'] });
          process.stdout.write(`policy ${policyKey(named)} deleted\n`);
        }
      });
    });
}

function namesIn(manifests: ManifestFiles): PolicyName[] {
  return readManifest(manifests.text, { checkPattern }).map(({ policy: { namespace, name, scope } }) => ({
    namespace,
    name,
    ...(scope !== undefined && { scope }),
  }));
}
