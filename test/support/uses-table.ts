import { ATTRIBUTES, DESCRIPTORS, LINKED_DESCRIPTORS, NODES, RING, SOCKETS, TOUCH } from './file-uses.js';
import { HELD_ADDRESSES, HELD_FILES, HELD_PROGRAMS } from './held-uses.js';
import { MOVES } from './moving-uses.js';
import { PEERS, QUESTIONS, ROUTES, SEVERAL_ADDRESSES } from './network-uses.js';
import { INTERPRETERS, MEMORY, PROGRAMS } from './program-uses.js';
import { SOURCES } from './source-uses.js';
import type { Group } from './use.js';

export const GROUPS: readonly Group[] = [
  SOCKETS,
  ATTRIBUTES,
  TOUCH,
  ...MOVES,
  RING,
  MEMORY,
  DESCRIPTORS,
  LINKED_DESCRIPTORS,
  INTERPRETERS,
  PROGRAMS,
  ROUTES,
  SEVERAL_ADDRESSES,
  QUESTIONS,
  PEERS,
  NODES,
  HELD_FILES,
  HELD_PROGRAMS,
  HELD_ADDRESSES,
  // The last, since trying it without a policy replaces a program.
  SOURCES,
];
