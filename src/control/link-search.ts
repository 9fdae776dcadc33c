import { posix } from 'node:path';
import type { Container } from '../containers/container.js';
import { type FoundLinks, findLinks } from '../containers/find-links.js';
import { findLinkedElsewhere, type SearchBudget } from '../containers/hard-links.js';
import { filesOf, type ProcessFiles } from '../containers/process-files.js';
import { throughLink } from '../policy/kinds/through-link.js';
import { type Policy, policyKey } from '../policy/model.js';
import { namedIn } from '../policy/named-paths.js';
import { finishInTimeSlices, inTimeSlices } from '../time-slices.js';
import { HOST_ID } from './host.js';
import type { HostFiles } from './host-files.js';
import type { Ledger } from './ledger.js';
import type { PolicyChange } from './policy-plan.js';

/** How many names of files one change looks at for hard links, about a tenth of a second's work. */
const NAMES_MAX = 20_000;

/**
 * Makes applied policies follow the links of containers that already run, and reports what they cannot follow. Those of the
 * host were followed when the change was planned.
 */
export async function followLinksOf(
  ledger: Ledger,
  changes: readonly PolicyChange[],
  host: Pick<HostFiles, 'links'>,
): Promise<PolicyChange[]> {
  const fresh = changes.filter(({ kind, containerIds }) => kind !== 'deleted' && containerIds.length > 0);
  /** By policy key: what its author should know about links. */
  const warnings = new Map<string, Set<string>>();
  const found: Container[] = [];
  const reached = new Map<string, Policy[]>();
  const budget = { left: NAMES_MAX };
  for await (const { policy, containerIds } of inTimeSlices(fresh))
    for (const id of containerIds) reached.set(id, [...(reached.get(id) ?? []), policy]);
  for await (const [id, policies] of inTimeSlices([...reached])) {
    const container = ledger.desired.containers.get(id);
    const named = namedIn(policies.flatMap(({ rules }) => rules));
    if ((id !== HOST_ID && container?.process === undefined) || named.paths.size === 0) continue;
    const links =
      container?.process === undefined
        ? host.links(named)
        : findLinks(filesOf(container.process.pid, container.rootBefore), named);
    for (const policy of policies) for (const text of warningsFor(policy, links)) add(warnings, policy, text);
    if (container?.process === undefined) continue;
    const { laterLinks: _, ...rest } = container;
    found.push({ ...rest, links: { ...links.links }, sharedPrograms: links.shared, foldedPlaces: links.folded });
  }
  if (found.length > 0)
    await ledger.changeContainers({ put: found.filter(({ id }) => ledger.desired.containers.has(id)) });
  // Only now: protection does not wait for what is only told.
  for (const { id, process, rootBefore } of found)
    for (const policy of reached.get(id) ?? [])
      for (const text of await hardLinkWarnings(policy, () => filesOf(process!.pid, rootBefore), budget))
        add(warnings, policy, text);
  return changes.map((change) => {
    const more = warnings.get(policyKey(change.policy)) ?? [];
    return { ...change, warnings: [...change.warnings, ...more] };
  });
}

function add(warnings: Map<string, Set<string>>, policy: Policy, text: string): void {
  const key = policyKey(policy);
  warnings.set(key, (warnings.get(key) ?? new Set()).add(text));
}

function* warningsFor({ rules }: Policy, { links, shared, changing, mountedTwice }: FoundLinks): Generator<string> {
  for (const { id, class: ruleClass, action, match } of rules) {
    const place = match.kind === 'directory' ? match.directory.slice(0, -1) : match.kind === 'exact' ? match.path : '';
    const name = ruleClass === 'file' ? mountedTwice.get(place) : undefined;
    if (name !== undefined)
      yield `${id} names \`${place}\`, which is mounted at \`${name}\` too: what is done by one of the names is decided by the stronger of both decisions`;
    if (match.kind !== 'exact') continue;
    const directory = changing[match.path];
    if (directory !== undefined)
      yield `${id} names \`${match.path}\`, a link that the host leads elsewhere when it changes the files: name the directory \`${directory}/\`, recursive`;
    const target = throughLink(match.path, links);
    if (ruleClass === 'process' && action !== 'Allow' && target !== undefined && shared.includes(target))
      yield `${id} names \`${match.path}\`, a link to \`${target}\`, which other names lead to as well: it is refused when it is called \`${posix.basename(match.path)}\`, and whoever runs a program chooses what it is called`;
  }
}

/** A rule about a directory holds for the names there, whatever other names its files have. */
async function hardLinkWarnings({ rules }: Policy, files: () => ProcessFiles, budget: SearchBudget): Promise<string[]> {
  const warnings: string[] = [];
  for (const { id, class: ruleClass, action, readOnly, match } of rules) {
    if (ruleClass !== 'file' || match.kind !== 'directory' || (action === 'Allow' && !readOnly)) continue;
    const { directory, recursive } = match;
    const found = await finishInTimeSlices(findLinkedElsewhere(files, directory, recursive, budget));
    if (found === undefined) continue;
    const { count, path, links } = found;
    warnings.push(
      `${id} names \`${directory}\`, where files have hard links elsewhere, ${count} in all, such as \`${path}\` with ${links} links: by those names it does not hold; rules that name the files themselves do`,
    );
  }
  return warnings;
}
