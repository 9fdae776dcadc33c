import { choice } from '../../disk-schema.js';
import type { Match, RuleClass } from '../model.js';
import { capabilitiesSection, capability } from './capabilities.js';
import { fileSection } from './file.js';
import { filesystem, filesystemsSection } from './filesystems.js';
import { mount, mountsSection } from './mounts.js';
import { namespace, namespacesSection } from './namespaces.js';
import { family, networkSection, protocol } from './network.js';
import type { MatchPart, SectionPart } from './parts.js';
import { directory, exact, pattern } from './paths.js';
import { preset, presetsSection } from './presets.js';
import { name, processSection } from './process.js';
import { ptraceSection, trace } from './ptrace.js';
import { domain, endpoint } from './remote-ends.js';
import { call, syscallsSection } from './syscalls.js';

/** A class of rules without its part does not compile. */
export const SECTIONS: Readonly<Record<RuleClass, SectionPart>> = {
  process: processSection,
  file: fileSection,
  network: networkSection,
  capabilities: capabilitiesSection,
  filesystems: filesystemsSection,
  mounts: mountsSection,
  ptrace: ptraceSection,
  namespaces: namespacesSection,
  presets: presetsSection,
  syscalls: syscallsSection,
};

/** A kind of match without its part does not compile. */
const MATCHES: { readonly [Kind in Match['kind']]: MatchPart<Extract<Match, { kind: Kind }>> } = {
  exact,
  directory,
  pattern,
  name,
  protocol,
  family,
  endpoint,
  domain,
  capability,
  filesystem,
  mount,
  trace,
  namespace,
  preset,
  call,
};

/** A match as it is stored. */
export const matchOnDisk = choice(Object.values(MATCHES).map(({ onDisk }) => onDisk));

/** The part of the language that handles the kind of a match. */
export function partOf({ kind }: Match): MatchPart<Match> {
  return MATCHES[kind];
}
