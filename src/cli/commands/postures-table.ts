import type { Command } from 'commander';
import { withClient } from '../connection.js';
import { type Format, print } from '../output.js';
import { postureView } from '../views.js';

const CLASSES = ['PROCESS', 'FILE', 'NETWORK', 'CAPABILITY'];

/** Shows what the daemon and each namespace say or, of one namespace, what holds there. */
export async function showPostures(command: Command, format: Format, namespace?: string): Promise<void> {
  const { defaults, namespaces } = await withClient(command, (client) => client.policies.listPostures());
  const own = postureView(defaults);
  const rows =
    namespace === undefined
      ? [
          { namespace: '', postures: own },
          ...namespaces.map((each) => ({ namespace: each.namespace, postures: postureView(each.postures) })),
        ]
      : [{ namespace, postures: { ...own, ...postureView(postureOf(namespace, namespaces)) } }];
  await print(format, rows, () => [
    ['NAMESPACE', ...CLASSES],
    ...rows.map((row) => [
      row.namespace || '(every other)',
      ...CLASSES.map((name) => row.postures[name]?.toLowerCase() ?? ''),
    ]),
  ]);
}

function postureOf<Said extends { readonly namespace: string; readonly postures: readonly unknown[] }>(
  wanted: string,
  namespaces: readonly Said[],
): Said['postures'] | [] {
  return namespaces.find(({ namespace }) => namespace === wanted)?.postures ?? [];
}
