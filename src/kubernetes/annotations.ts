import { ALL_NAMESPACES } from '../control/namespace-postures.js';
import { POSTURE_CLASSES, type Posture, type PostureClass, type Postures } from '../policy/model.js';
import { readVisibility, VISIBILITY_CHOICE, type Visibility } from '../policy/visibility.js';
import type { KubernetesObject } from './api-client.js';
import { quoted } from './quoted.js';

/** KubeArmor's, which has the programs that are run under the posture of files. */
const POSTURE_ANNOTATIONS: Readonly<Record<string, readonly PostureClass[]>> = {
  'kubearmor-file-posture': ['file', 'process'],
  'kubearmor-network-posture': ['network'],
  'kubearmor-capabilities-posture': ['capabilities'],
};

/** Of namespaces, and of pods; in the settings the key is without the prefix, as the flag is. */
export const VISIBILITY_ANNOTATION = 'kubearmor-visibility';
const VISIBILITY_SETTING = 'visibility';

export interface AnnotatedPostures {
  readonly postures: ReadonlyMap<string, Partial<Postures>>;
  /** What is annotated and says nothing that is known. */
  readonly warnings: readonly string[];
}

/** A ConfigMap with what holds in all namespaces that do not say otherwise. */
export interface SettingsObject extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}
export const SETTINGS_NAME = 'hauberk-config';
/** So many of the settings that are not known are named. */
const NAMED_MAX = 10;

/** Its keys: the flags' names, and KubeArmor's, of which that of files has programs under it. */
const SETTINGS: Readonly<Record<string, readonly PostureClass[]>> = {
  defaultFilePosture: ['file', 'process'],
  defaultNetworkPosture: ['network'],
  defaultCapabilitiesPosture: ['capabilities'],
  ...Object.fromEntries(POSTURE_CLASSES.map((each) => [`default-${each}-posture`, [each]])),
};

/** The postures that namespaces have by their annotations, and all of them by the settings. */
export function posturesOf(
  namespaces: readonly KubernetesObject[],
  settings: readonly SettingsObject[] = [],
): AnnotatedPostures {
  const postures = new Map<string, Partial<Postures>>();
  const warnings: string[] = [];
  const read = (key: string, where: string, names: typeof SETTINGS, values: Readonly<Record<string, string>> = {}) => {
    const said: Partial<Record<PostureClass, Posture>> = {};
    for (const [name, classes] of Object.entries(names)) {
      const value = values[name];
      if (value === undefined) continue;
      if (value === 'audit' || value === 'block') for (const each of classes) said[each] = value;
      else warnings.push(`${where}: ${name} must be audit or block, is ${quoted(value)}`);
    }
    if (Object.keys(said).length > 0) postures.set(key, said);
  };
  for (const { metadata } of namespaces) {
    read(metadata.name, `namespace ${metadata.name}`, POSTURE_ANNOTATIONS, metadata.annotations);
  }
  for (const { metadata, data } of settings) {
    const where = `ConfigMap ${metadata.namespace}/${metadata.name}`;
    read(ALL_NAMESPACES, where, SETTINGS, data);
    const unknown = Object.keys(data ?? {}).filter((key) => !(key in SETTINGS) && key !== VISIBILITY_SETTING);
    if (unknown.length > 0)
      warnings.push(`${where}: of its settings these are not followed: ${unknown.slice(0, NAMED_MAX).join(', ')}`);
  }
  return { postures, warnings };
}

/** What is told of the accesses of namespaces by their annotations, and of all of them by the settings. */
export function visibilityIn(namespaces: readonly KubernetesObject[], settings: readonly SettingsObject[] = []) {
  const visibility = new Map<string, Visibility>();
  const warnings: string[] = [];
  const read = (key: string, where: string, name: string, value: string | undefined) => {
    if (value === undefined) return;
    const classes = readVisibility(value);
    if (classes !== undefined) visibility.set(key, classes);
    else warnings.push(`${where}: ${name} must be ${VISIBILITY_CHOICE}, is ${quoted(value)}`);
  };
  for (const { metadata } of namespaces) {
    const { name, annotations } = metadata;
    read(name, `namespace ${name}`, VISIBILITY_ANNOTATION, annotations?.[VISIBILITY_ANNOTATION]);
  }
  for (const { metadata, data } of settings) {
    const where = `ConfigMap ${metadata.namespace}/${metadata.name}`;
    read(ALL_NAMESPACES, where, VISIBILITY_SETTING, data?.[VISIBILITY_SETTING]);
  }
  return { visibility, warnings };
}
