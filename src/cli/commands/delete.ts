import type { Command } from 'commander';
import { DEFAULT_NAMESPACE, type PolicyName, type PolicyOrigin, type Scope } from '../../policy/model.js';
import { POLICY_ORIGINS, SCOPES } from '../../rpc/names.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { ignoreForeignOption } from '../foreign.js';
import { withExamples } from '../help.js';
import { ManifestFiles } from '../manifest-files.js';
import { keyOf } from '../policy-key.js';
import { deleteOf } from '../policy-of-origin.js';
import { originOption, scopeOption } from '../scope-option.js';
import { terminal } from '../terminal.js';

interface Options {
  readonly file?: string[];
  readonly namespace: string;
  readonly scope: Scope;
  readonly origin?: PolicyOrigin;
  readonly ignoreForeign?: boolean;
}

export function addDelete(program: Command): void {
  withExamples(
    program
      .command('delete')
      .description('delete policies, by name or by the manifests that created them')
      .argument('[policy...]', 'names of policies')
      .option('-f, --file <place...>', 'a file, a directory (with all manifests below it), or - for standard input')
      .option('-n, --namespace <namespace>', 'namespace of the policies', DEFAULT_NAMESPACE)
      .addOption(scopeOption())
      .addOption(originOption())
      .addOption(ignoreForeignOption()),
    [
      ['hauberk delete web -n shop', 'by name'],
      ['hauberk delete --origin rpc web', 'one that a controller applied'],
      ['hauberk delete -f web.yaml', 'the policies of a manifest'],
      ['hauberk delete --ignore-foreign -f cluster.yaml', 'the same for a manifest that has other objects too'],
    ],
  ).action(async (names: string[], options: Options, command: Command) => {
    const { scope, origin = 'cli', ignoreForeign = false } = options;
    const namespace = scope === 'namespace' ? options.namespace : '';
    const wanted: PolicyName[] = [
      ...names.map((name) => ({ namespace, name, scope })),
      ...(options.file === undefined ? [] : await namesIn(new ManifestFiles(options.file), ignoreForeign)),
    ];
    if (wanted.length === 0) throw new CommandFailure(EXIT.usage, 'name a policy, or a manifest with -f');
    await withClient(command, async (client) => {
      for (const named of wanted) {
        const place = { ...named, scope: SCOPES[named.scope ?? 'namespace'], origin: POLICY_ORIGINS[origin] };
        await deleteOf(client, place, options.origin !== undefined);
        terminal().out(`policy ${keyOf(place)} deleted\n`);
      }
    });
  });
}

async function namesIn(manifests: ManifestFiles, ignoreForeign: boolean): Promise<PolicyName[]> {
  const { readManifest } = await import('../../policy/manifest.js');
  return readManifest(manifests.text, { ignoreForeign }).map(({ policy: { namespace, name, scope } }) => ({
    namespace,
    name,
    ...(scope !== undefined && { scope }),
  }));
}
