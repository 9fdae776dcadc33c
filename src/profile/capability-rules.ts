import { CAPABILITIES, type Capability } from '../policy/capability.js';
import { type Draft, sourcesOf } from './draft.js';
import { Gathered } from './evidence.js';
import type { ObservedAccess } from './observed-access.js';

/** Rules that allow the capabilities that were used, each to the programs that used it; those without a name are left out. */
export function capabilityRules(accesses: readonly ObservedAccess[]): Draft[] {
  const all = new Set(accesses.map(({ program }) => program));
  const found = new Gathered<Capability>();
  for (const access of accesses) {
    const capability = access.object.kind === 'capability' ? CAPABILITIES[access.object.number] : undefined;
    if (capability !== undefined) found.add(capability, access);
  }
  return found.entries.map(([capability, evidence]) => ({
    section: 'capabilities',
    list: 'matchCapabilities',
    entry: { capability, ...sourcesOf(evidence, all) },
    action: 'Allow',
    evidence,
  }));
}
