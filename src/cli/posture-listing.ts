import { AccessClass, PolicyOrigin } from '../client/messages.js';
import { POSTURE_CLASSES } from '../policy/model.js';
import { CLASSES } from '../rpc/names.js';
import type { Listing } from './listing.js';
import { originText, postureView } from './views.js';

const HEADINGS = POSTURE_CLASSES.map((each) => AccessClass[CLASSES[each]]);

interface NamespacePostures {
  /** Empty for all namespaces without a setting. */
  readonly namespace: string;
  /** Who has set it: a client, or annotations in Kubernetes. */
  readonly origin?: string;
  readonly postures: Readonly<Record<string, string>>;
}

/** The settings of the daemon and of each namespace or, for one namespace, the postures that apply. */
export function postureListing(wanted?: string): Listing<NamespacePostures> {
  return {
    list: async (client) => {
      const { defaults, namespaces } = await client.policies.listPostures();
      const own = postureView(defaults);
      const settings = namespaces.map(({ namespace, postures, origin }) => ({
        namespace,
        postures: postureView(postures),
        ...(origin === PolicyOrigin.KUBERNETES && { origin: originText(origin) }),
      }));
      if (wanted === undefined) return [{ namespace: '', postures: own }, ...settings];
      const isOfAll = ({ namespace, origin }: NamespacePostures) => namespace === '*' && origin !== undefined;
      const its = settings.filter((each) => each.namespace === wanted || isOfAll(each));
      // Settings of clients override those of Kubernetes, and a namespace overrides the default for all.
      const rank = (each: NamespacePostures) => (each.origin === undefined ? 2 : Number(!isOfAll(each)));
      its.sort((a, b) => rank(a) - rank(b));
      const postures = Object.assign({}, own, ...its.map((each) => each.postures)) as Record<string, string>;
      return [{ namespace: wanted, postures }];
    },
    name: nameOf,
    view: (row) => row,
    headings: ['NAMESPACE', ...HEADINGS],
    cells: ({ postures, ...named }) => [nameOf(named), ...HEADINGS.map((name) => postures[name]?.toLowerCase() ?? '')],
    wideHeadings: [],
    wideCells: () => [],
  };
}

function nameOf({ namespace, origin }: Pick<NamespacePostures, 'namespace' | 'origin'>): string {
  if (namespace === '') return '(every other)';
  return origin === undefined ? namespace : `${origin}:${namespace}`;
}
