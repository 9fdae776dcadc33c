import type { Listing } from './listing.js';
import { postureView } from './views.js';

const CLASSES = ['PROCESS', 'FILE', 'NETWORK', 'CAPABILITY'];

interface NamespacePostures {
  /** Empty for every namespace that says nothing itself. */
  readonly namespace: string;
  readonly postures: Readonly<Record<string, string>>;
}

/** What the daemon and each namespace say or, of one namespace, what holds there. */
export function postureListing(wanted?: string): Listing<NamespacePostures> {
  return {
    list: async (client) => {
      const { defaults, namespaces } = await client.policies.listPostures();
      const own = postureView(defaults);
      const said = namespaces.map(({ namespace, postures }) => ({ namespace, postures: postureView(postures) }));
      if (wanted === undefined) return [{ namespace: '', postures: own }, ...said];
      const its = said.find(({ namespace }) => namespace === wanted)?.postures;
      return [{ namespace: wanted, postures: { ...own, ...its } }];
    },
    name: ({ namespace }) => namespace || '(every other)',
    view: (row) => row,
    headings: ['NAMESPACE', ...CLASSES],
    cells: ({ namespace, postures }) => [
      namespace || '(every other)',
      ...CLASSES.map((name) => postures[name]?.toLowerCase() ?? ''),
    ],
    wideHeadings: [],
    wideCells: () => [],
  };
}
