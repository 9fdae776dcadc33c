import { ALL_NAMESPACES } from '../control/namespace-postures.js';
import { POSTURE_CLASSES, type Posture, type PostureClass, type Postures } from '../policy/model.js';
import { readVisibility, VISIBILITY_CHOICE, type Visibility } from '../policy/visibility.js';
import type { KubernetesObject } from './api-client.js';
import { quoted } from './quoted.js';

/** KubeArmor's annotations; its file posture also applies to programs. */
const POSTURE_ANNOTATIONS: Readonly<Record<string, readonly PostureClass[]>> = {
  'kubearmor-file-posture': ['file', 'process'],
  'kubearmor-network-posture': ['network'],
  'kubearmor-capabilities-posture': ['capabilities'],
};

/** Names that look like one of them. */
const LIKE_POSTURE = /^kubearmor-.*-posture$/u;

/** A setting of an object that is not followed. */
export interface UnknownSetting {
  readonly object: KubernetesObject;
  /** All that is wrong with it, for people who look at the object itself. */
  readonly message: string;
}

/** Of namespaces, and of pods; in the settings the key is without the prefix, as the flag is. */
export const VISIBILITY_ANNOTATION = 'kubearmor-visibility';
const VISIBILITY_SETTING = 'visibility';

export interface AnnotatedPostures {
  readonly postures: ReadonlyMap<string, Partial<Postures>>;
  readonly unknown: readonly UnknownSetting[];
  /** The same, each with the object that it is about. */
  readonly warnings: readonly string[];
}

/** A ConfigMap with the settings for all namespaces without their own. */
export interface SettingsObject extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}
export const SETTINGS_NAME = 'hauberk-config';
/** At most this many unknown settings are named. */
const NAMED_MAX = 10;

/** Its keys: the flags' names, and KubeArmor's, whose file posture also applies to programs. */
const SETTINGS: Readonly<Record<string, readonly PostureClass[]>> = {
  defaultFilePosture: ['file', 'process'],
  defaultNetworkPosture: ['network'],
  defaultCapabilitiesPosture: ['capabilities'],
  ...Object.fromEntries(POSTURE_CLASSES.map((each) => [`default-${each}-posture`, [each]])),
};

/**
 * The postures that namespaces have by their annotations, and all of them by the settings. An invalid value changes
 * nothing: the previous value stays, as the last accepted form of a policy does.
 *
 * @param before what they have now, by namespace
 */
export function posturesOf(
  namespaces: readonly KubernetesObject[],
  settings: readonly SettingsObject[] = [],
  before: ReadonlyMap<string, Partial<Postures>> = new Map(),
): AnnotatedPostures {
  const postures = new Map<string, Partial<Postures>>();
  const unknown: UnknownSetting[] = [];
  const warnings: string[] = [];
  const take = (key: string, object: KubernetesObject, where: string, { parsed, problems }: ReadPostures) => {
    if (Object.keys(parsed).length > 0) postures.set(key, parsed);
    if (problems.length === 0) return;
    unknown.push({ object, message: problems.join('; ') });
    warnings.push(...problems.map((problem) => `${where}: ${problem}`));
  };
  for (const object of namespaces) {
    const { name, annotations = {} } = object.metadata;
    const read = readPostures(POSTURE_ANNOTATIONS, annotations, before.get(name));
    const mistaken = Object.keys(annotations).filter(
      (key) => LIKE_POSTURE.test(key) && !Object.hasOwn(POSTURE_ANNOTATIONS, key),
    );
    if (mistaken.length > 0) {
      read.problems.push(`these of its annotations name no posture: ${mistaken.slice(0, NAMED_MAX).join(', ')}`);
    }
    take(name, object, `namespace ${name}`, read);
  }
  for (const object of settings) {
    const { data = {}, metadata } = object;
    const read = readPostures(SETTINGS, data, before.get(ALL_NAMESPACES));
    const others = Object.keys(data).filter((key) => !Object.hasOwn(SETTINGS, key) && key !== VISIBILITY_SETTING);
    if (others.length > 0) {
      read.problems.push(`these of its settings are not followed: ${others.slice(0, NAMED_MAX).join(', ')}`);
    }
    take(ALL_NAMESPACES, object, `ConfigMap ${metadata.namespace}/${metadata.name}`, read);
  }
  return { postures, unknown, warnings };
}

interface ReadPostures {
  readonly parsed: Partial<Record<PostureClass, Posture>>;
  readonly problems: string[];
}

function readPostures(
  names: typeof SETTINGS,
  values: Readonly<Record<string, string>>,
  before: Partial<Postures> = {},
): ReadPostures {
  const parsed: ReadPostures['parsed'] = {};
  const problems: string[] = [];
  const mistaken: (readonly PostureClass[])[] = [];
  for (const [name, classes] of Object.entries(names)) {
    const value = values[name];
    if (value === undefined) continue;
    if (value === 'audit' || value === 'block') {
      for (const each of classes) parsed[each] = value;
      continue;
    }
    mistaken.push(classes);
    const kept = classes.find((each) => before[each] !== undefined);
    const stays = kept === undefined ? '' : `; ${before[kept]}, as it said before, stays`;
    problems.push(`${name} must be audit or block, is ${quoted(value)}${stays}`);
  }
  for (const each of mistaken.flat()) {
    const kept = before[each];
    // Another name of the same setting may be valid.
    if (kept !== undefined) parsed[each] ??= kept;
  }
  return { parsed, problems };
}

/** Which accesses are reported, per namespace by annotations and for all by the settings. */
export function visibilityIn(namespaces: readonly KubernetesObject[], settings: readonly SettingsObject[] = []) {
  const visibility = new Map<string, Visibility>();
  const unknown: UnknownSetting[] = [];
  const warnings: string[] = [];
  const read = (key: string, object: KubernetesObject, where: string, name: string, value: string | undefined) => {
    if (value === undefined) return;
    const classes = readVisibility(value);
    if (classes !== undefined) {
      visibility.set(key, classes);
      return;
    }
    const message = `${name} must be ${VISIBILITY_CHOICE}, is ${quoted(value)}`;
    unknown.push({ object, message });
    warnings.push(`${where}: ${message}`);
  };
  for (const object of namespaces) {
    const { name, annotations } = object.metadata;
    read(name, object, `namespace ${name}`, VISIBILITY_ANNOTATION, annotations?.[VISIBILITY_ANNOTATION]);
  }
  for (const object of settings) {
    const where = `ConfigMap ${object.metadata.namespace}/${object.metadata.name}`;
    read(ALL_NAMESPACES, object, where, VISIBILITY_SETTING, object.data?.[VISIBILITY_SETTING]);
  }
  return { visibility, unknown, warnings };
}
