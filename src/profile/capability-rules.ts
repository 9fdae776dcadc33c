import { readCapabilityKey } from '../image/read-object-key.js';
import { CAPABILITIES } from '../policy/capability.js';
import { type Draft, sourcesOf } from './draft.js';
import { Gathered } from './evidence.js';
import type { ObservedAccess } from './observed-access.js';

/** Rules that allow the capabilities that were used, each to the programs that used it. */
export function capabilityRules(accesses: readonly ObservedAccess[]): Draft[] {
  const all = new Set(accesses.map(({ program }) => program));
  const found = new Gathered<string>();
  for (const access of accesses) found.add(readCapabilityKey(access.object), access);
  return found.entries
    .filter(([name]) => (CAPABILITIES as readonly string[]).includes(name))
    .map(([capability, evidence]) => ({
      section: 'capabilities',
      list: 'matchCapabilities',
      entry: { capability, ...sourcesOf(evidence, all) },
      action: 'Allow',
      evidence,
    }));
}
