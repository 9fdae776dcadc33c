import type { Posture, PostureClass, Postures } from '../policy/model.js';
import type { KubernetesObject } from './api-client.js';

/** KubeArmor's, which has the programs that are run under the posture of files. */
const POSTURE_ANNOTATIONS: Readonly<Record<string, readonly PostureClass[]>> = {
  'kubearmor-file-posture': ['file', 'process'],
  'kubearmor-network-posture': ['network'],
  'kubearmor-capabilities-posture': ['capabilities'],
};

export interface AnnotatedPostures {
  readonly postures: ReadonlyMap<string, Partial<Postures>>;
  /** What is annotated and says nothing that is known. */
  readonly warnings: readonly string[];
}

/** The postures that namespaces have by their annotations. */
export function posturesOf(namespaces: readonly KubernetesObject[]): AnnotatedPostures {
  const postures = new Map<string, Partial<Postures>>();
  const warnings: string[] = [];
  for (const { metadata } of namespaces) {
    const said: Partial<Record<PostureClass, Posture>> = {};
    for (const [annotation, classes] of Object.entries(POSTURE_ANNOTATIONS)) {
      const value = metadata.annotations?.[annotation];
      if (value === undefined) continue;
      if (value === 'audit' || value === 'block') for (const each of classes) said[each] = value;
      else
        warnings.push(`namespace ${metadata.name}: ${annotation} must be audit or block, is ${JSON.stringify(value)}`);
    }
    if (Object.keys(said).length > 0) postures.set(metadata.name, said);
  }
  return { postures, warnings };
}
