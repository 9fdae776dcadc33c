import * as disk from '../../disk-schema.js';
import type { Match, Preset, PresetMatch } from '../../policy/model.js';
import type { NondeterministicAutomaton } from '../nondeterministic.js';
import { startOfGuarded } from '../object-keys.js';
import { addPath } from '../paths.js';
import { capabilityKey, capabilityName, readCapability } from './capabilities.js';
import type { MatchPart, ObjectPart } from './part.js';

/** What only presets decide about. */
export const BEHAVIOURS = [
  'map-anonymous',
  'run-by-path',
  'run-without-name',
  'open-environment-of-process',
  'open-entry-of-process',
  'run-from-outside',
  'use-of-host',
  'run-changed',
  'run-from-elsewhere',
  'run-from-nowhere',
] as const;
type Behaviour = (typeof BEHAVIOURS)[number];

/**
 * What presets forbid is `p`, a letter for what it is and a path.
 *
 * Executable memory of no file is `pa`. A program is `pb` and then `a` and its path or, where no name leads to it any
 * more, `b`. An entry of another process in /proc is `pc`, `e` for its environment or `a`, and the path. A program run
 * in a container from outside is `pd` and its path. What is the host's is `pe` and the path of a device or of an entry
 * of /proc or /sys that steers the host, the path of the program of one of its processes, or the object key of a
 * capability. What is executed and did not come with the image is `pf` and then `a` and its path where it is in the
 * upper layer of the root, `b` and its path where it is on another filesystem or, where no path leads to it, `c`.
 */
const BEHAVIOUR_KEYS: Readonly<Record<Behaviour, string>> = {
  'map-anonymous': 'pa',
  'run-by-path': 'pba',
  'run-without-name': 'pbb',
  'open-environment-of-process': 'pce',
  'open-entry-of-process': 'pca',
  'run-from-outside': 'pd',
  'use-of-host': 'pe',
  'run-changed': 'pfa',
  'run-from-elsewhere': 'pfb',
  'run-from-nowhere': 'pfc',
};

/** Where a file counts as one in memory. */
const SHARED_MEMORY = '/dev/shm/';

/** How the keys begin that each preset is about. */
const PRESET_KEYS: Readonly<Record<Preset, readonly string[]>> = {
  anonymousMapExec: ['pa'],
  filelessExec: [`pba${SHARED_MEMORY}`, 'pbb'],
  protectEnv: ['pce'],
  protectProc: ['pc'],
  exec: ['pd'],
  hardened: ['pe'],
  drift: ['pf'],
};

export const preset: MatchPart<PresetMatch> = {
  add(automaton, match, mark) {
    for (const start of PRESET_KEYS[match.preset])
      automaton.markAll(automaton.literal(automaton.start, Buffer.from(start)), mark);
  },
  addGuarded(automaton, match, mark) {
    if (match.preset === 'filelessExec')
      automaton.markAll(automaton.literal(startOfGuarded(automaton), Buffer.from(SHARED_MEMORY)), mark);
    else for (const place of match.except ?? []) addPath(automaton, startOfGuarded(automaton), place, mark);
  },
};

/** What a matching rule excepts. */
export function addExceptions(automaton: NondeterministicAutomaton, match: Match, mark: number): void {
  if (match.kind !== 'preset') return;
  const start = Buffer.from(BEHAVIOUR_KEYS['run-from-elsewhere']);
  for (const place of match.except ?? []) addPath(automaton, automaton.literal(automaton.start, start), place, mark);
}

/** `path` is empty where there is none; `capability` is the number of one of the host's. */
export interface BehaviourObject {
  readonly kind: 'behaviour';
  readonly behaviour: Behaviour;
  readonly path: string;
  readonly capability?: number;
}

export const behaviourObject: ObjectPart<BehaviourObject> = {
  onDisk: disk.ofKind('behaviour', { behaviour: disk.oneOf(BEHAVIOURS), path: disk.text }, { capability: disk.number }),
  firstCharacter: 'p',
  read(key) {
    const behaviour = BEHAVIOURS.find((each) => key.startsWith(BEHAVIOUR_KEYS[each]));
    if (behaviour === undefined) return undefined;
    const rest = key.slice(BEHAVIOUR_KEYS[behaviour].length);
    const capability = behaviour === 'use-of-host' ? readCapability(rest) : undefined;
    if (capability !== undefined) return { kind: 'behaviour', behaviour, path: '', capability };
    return rest === '' || rest.startsWith('/') ? { kind: 'behaviour', behaviour, path: rest } : undefined;
  },
  write: ({ behaviour, path, capability }) =>
    BEHAVIOUR_KEYS[behaviour] + (capability === undefined ? path : capabilityKey(capability)),
  describe({ path, capability }) {
    if (capability !== undefined) return capabilityName(capability);
    return path || 'memory without a file';
  },
};
