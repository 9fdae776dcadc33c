import type { RuleClass } from '../model.js';
import { capabilitiesSection } from './capabilities.js';
import { fileSection } from './file.js';
import { filesystemsSection } from './filesystems.js';
import { mountsSection } from './mounts.js';
import { namespacesSection } from './namespaces.js';
import { networkSection } from './network.js';
import type { SectionPart } from './parts.js';
import { presetsSection } from './presets.js';
import { processSection } from './process.js';
import { ptraceSection } from './ptrace.js';
import { syscallsSection } from './syscalls.js';

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
