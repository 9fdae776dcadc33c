import { CAPABILITIES } from '../policy/capability.js';
import { POSTURE_CLASSES, type Policy } from '../policy/model.js';
import { API_VERSION, readPolicy } from '../policy/validate.js';
import { capabilityRules } from './capability-rules.js';
import type { Draft } from './draft.js';
import { type Evidence, NO_EVIDENCE } from './evidence.js';
import { fileRules } from './file-rules.js';
import { networkRules } from './network-rules.js';
import { isPathAccess, mergeAccesses, type ObservedAccess } from './observed-access.js';
import { processRules } from './process-rules.js';

/** A policy that allows what was seen and, if the default posture is block, nothing else. */
export interface Suggestion {
  readonly policy: Policy;
  /** By the id of a rule. */
  readonly evidence: ReadonlyMap<string, Evidence>;
  /** What was seen and no rule can allow, in sentences. */
  readonly warnings: readonly string[];
}

export interface SuggestOptions {
  readonly name: string;
  readonly namespace: string;
  readonly matchLabels: Readonly<Record<string, string>>;
}

const MAKERS: Readonly<Record<Draft['section'], (accesses: readonly ObservedAccess[]) => readonly Draft[]>> = {
  process: processRules,
  file: fileRules,
  network: networkRules,
  capabilities: capabilityRules,
};

/** The least-privilege policy for these accesses, generalised to what another run of the same program will do. */
export function suggestPolicy(accesses: readonly ObservedAccess[], options: SuggestOptions): Suggestion {
  const { nameable, warnings } = sortOut(mergeAccesses(accesses));
  const drafts = POSTURE_CLASSES.flatMap((section) => {
    const made = MAKERS[section](nameable.filter((access) => access.class === section));
    return made.length > 0 ? made : nothingOf(section);
  });
  const evidence = new Map<string, Evidence>();
  const sections: Record<string, Record<string, object[]>> = {};
  for (const { section, list, entry, action, evidence: found } of drafts) {
    sections[section] ??= {};
    sections[section][list] ??= [];
    const length = sections[section][list].push({ ...entry, action });
    evidence.set(`${section}.${list}[${length - 1}]`, found);
  }
  const { name, namespace, matchLabels } = options;
  const document = {
    apiVersion: API_VERSION,
    kind: 'KubeArmorPolicy',
    metadata: { name, namespace },
    spec: { selector: { matchLabels }, ...sections },
  };
  return { policy: readPolicy(document), evidence, warnings };
}

const MOUNTS_UNKNOWN =
  'the capability sys_admin was used, as mounting takes: mounts are not learnt, and where the rules decide something below a mount point they refuse them; try the policy in audit mode first';

const isMountingCapability = ({ object }: ObservedAccess) =>
  object.kind === 'capability' && CAPABILITIES[object.number] === 'sys_admin';

/** Drops what no rule can name. */
function sortOut(accesses: readonly ObservedAccess[]): { nameable: ObservedAccess[]; warnings: string[] } {
  const isNamed = (access: ObservedAccess) => isPathAccess(access) && access.object.path.startsWith('/');
  const nameless = accesses.filter(
    (access) => (access.class === 'process' || access.class === 'file') && !isNamed(access),
  );
  const nameable = accesses.filter((access) => !nameless.includes(access));
  const warnings = nameless.length === 0 ? [] : ['programs or files without a path were used, which no rule can allow'];
  if (accesses.some(isMountingCapability)) warnings.push(MOUNTS_UNKNOWN);
  if (accesses.length === 0) warnings.push('nothing was seen');
  return { nameable, warnings };
}

/** A class of which nothing was seen has no Allow rule to bring its posture into force: it is blocked by name. */
function nothingOf(section: Draft['section']): Draft[] {
  const block = (list: string, entry: Draft['entry']): Draft => ({
    section,
    list,
    entry,
    action: 'Block',
    evidence: NO_EVIDENCE,
  });
  switch (section) {
    case 'network':
      return [block('matchProtocols', { protocol: 'all' })];
    case 'capabilities':
      return CAPABILITIES.map((capability) => block('matchCapabilities', { capability }));
    case 'process':
    case 'file':
      return [block('matchDirectories', { dir: '/', recursive: true })];
  }
}
