import { POSTURE_CLASSES, type PolicyOrigin, type PostureClass } from './model.js';

/** The classes whose accesses are reported although no policy covers them, in the order of POSTURE_CLASSES. */
export type Visibility = readonly PostureClass[];

/** What is reported about the accesses of a namespace or, with labels, of those of its containers that carry all of them. */
export interface VisibilitySetting {
  readonly namespace: string;
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly classes: Visibility;
  /** Who set it: a client, or annotations in Kubernetes. */
  readonly origin: Extract<PolicyOrigin, 'rpc' | 'kubernetes'>;
}
export type VisibilityScope = Omit<VisibilitySetting, 'classes'>;

/** How many distinct accesses of a container the kernel reports until they are taken: see bpf/include/observe.h. */
export const VISIBLE_ACCESSES_MAX = 2048;

export const NOTHING_VISIBLE: Visibility = [];
const NONE = 'none';
/** For messages: the values that visibility may have. */
export const VISIBILITY_CHOICE = `${NONE}, or any of ${POSTURE_CLASSES.join(', ')}, separated by commas`;

/** Reads the value of KubeArmor's annotation `kubearmor-visibility` and ours; undefined if it is not valid. */
export function readVisibility(text: string): Visibility | undefined {
  const words = text.split(',').map((word) => word.trim().toLowerCase());
  if (words.length === 1 && (words[0] === NONE || words[0] === '')) return NOTHING_VISIBLE;
  if (!words.every((word) => (POSTURE_CLASSES as readonly string[]).includes(word))) return undefined;
  return inOrder(words as PostureClass[]);
}

/** Each class once, in one order. */
export function inOrder(classes: Iterable<PostureClass>): Visibility {
  const named = new Set(classes);
  return POSTURE_CLASSES.filter((each) => named.has(each));
}

/** As it is written in annotations and flags. */
export function visibilityText(classes: Visibility): string {
  return classes.length === 0 ? NONE : classes.join(',');
}

/** Equal for settings of which the later takes the place of the earlier. */
export function visibilityKey({ origin, namespace, matchLabels }: VisibilityScope): string {
  const labels = Object.entries(matchLabels).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${origin} ${namespace} ${labels.length === 0 ? '' : JSON.stringify(labels)}`;
}
