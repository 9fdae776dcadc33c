import { Ajv, type SchemaObject, type ValidateFunction } from 'ajv';
import type { Container, ContainerOrigin } from '../containers/container.js';
import type { RuleDescription } from '../events/rule-description.js';
import { OPERATIONS, OWNERSHIPS } from '../policy/effect.js';
import { POSTURE_CLASSES } from '../policy/model.js';
import { OVERRIDE_MODES } from '../policy/override.js';
import type { VisibilitySetting } from '../policy/visibility.js';
import type { Profile } from '../profile/profile.js';
import { flag, labels, number, object, oneOf, text, texts } from './schema-parts.js';
import { policy, ruleClass } from './stored-rules.js';
import type { StoredAccess, StoredPolicy, StoredPosture, StoredProfiled } from './stored-state.js';

/** The kinds of record, by how their keys begin or, for single ones, by the key. */
export const KINDS = {
  policy: 'policy/',
  posture: 'posture/',
  visibility: 'visibility/',
  container: 'container/',
  image: 'image/',
  profile: 'profile/',
  profiled: 'profiled/',
  access: 'access/',
  /** The revision's name on disk, from before it had this one. */
  revision: 'generation',
  lastImage: 'last-image',
  keepsUnknown: 'keeps-unknown',
  hostLabels: 'host-labels',
} as const;
export type RecordKind = keyof typeof KINDS;

/** An image's record as it lies on disk, where its id has an older name. */
export interface StoredImageRecord {
  readonly generation: number;
  readonly rules: readonly RuleDescription[];
}

/** What a record of each kind says. */
export interface StoredValues {
  readonly policy: StoredPolicy;
  readonly posture: StoredPosture;
  readonly visibility: VisibilitySetting;
  readonly container: Container;
  readonly image: StoredImageRecord;
  readonly profile: Profile;
  readonly profiled: StoredProfiled;
  readonly access: StoredAccess;
  readonly revision: number;
  readonly lastImage: number;
  readonly keepsUnknown: boolean;
  readonly hostLabels: Readonly<Record<string, string>>;
}

const visible = { type: 'array', items: oneOf(POSTURE_CLASSES) };
const namespaces = object({ pidNamespace: number, mountNamespace: number });
/** See ContainerRoot. */
const root = { anyOf: [object({ device: number }), object({ problem: text })] };
const posture = oneOf(['audit', 'block']);
/** An origin without its name here does not compile. */
const ORIGINS: Readonly<Record<ContainerOrigin, true>> = {
  registered: true,
  docker: true,
  cri: true,
  podman: true,
  host: true,
};

/** The form of each kind in version 1 of the store; more fields than these are kept as they are. */
const SCHEMAS: Readonly<Record<RecordKind, SchemaObject>> = {
  policy: object({ policy, version: number }),
  posture: object({
    namespace: text,
    postures: {
      type: 'object',
      properties: Object.fromEntries(POSTURE_CLASSES.map((each) => [each, posture])),
      additionalProperties: false,
    },
  }),
  visibility: object({
    namespace: text,
    matchLabels: labels,
    classes: visible,
    origin: oneOf(['rpc', 'kubernetes']),
  }),
  container: object(
    { id: text, name: text, namespace: text, labels, origin: oneOf(Object.keys(ORIGINS)), namespaces, links: labels },
    {
      process: object({ pid: number, startTicks: number }),
      initStartTicks: number,
      image: text,
      isHost: flag,
      isFirstProcess: flag,
      protection: object({ by: oneOf(['hook', 'event', 'registered']), since: number }),
      policyOverride: object({ mode: oneOf(OVERRIDE_MODES), setBy: text }),
      visibility: visible,
      root,
    },
  ),
  image: object({
    generation: number,
    rules: {
      type: 'array',
      items: object({ policy: text, rule: text, class: ruleClass }, { severity: number, tags: texts, message: text }),
    },
  }),
  profile: object(
    {
      name: text,
      subject: {
        oneOf: [
          object({ kind: oneOf(['container']), id: text }),
          object({ kind: oneOf(['selector']), namespace: text, matchLabels: labels }),
        ],
      },
      started: number,
    },
    { stopped: number },
  ),
  profiled: object({ profile: text, container: object({ id: text, name: text, namespace: text, labels, namespaces }) }),
  access: object({
    profile: text,
    containerId: text,
    key: text,
    access: object(
      {
        class: ruleClass,
        operations: { type: 'array', items: oneOf(OPERATIONS) },
        word: text,
        program: text,
        count: number,
      },
      { fromOutside: flag, ownership: oneOf(OWNERSHIPS), terminal: flag },
    ),
  }),
  revision: number,
  lastImage: number,
  keepsUnknown: flag,
  hostLabels: labels,
};

const validators = new Map<RecordKind, ValidateFunction>();

/** The kind that a key is of; undefined: a later version's. */
export function kindOfKey(key: string): RecordKind | undefined {
  return (Object.keys(KINDS) as RecordKind[]).find((kind) => {
    const start = KINDS[kind];
    return start.endsWith('/') ? key.startsWith(start) : key === start;
  });
}

/** Whether a value that was read back has the form of its kind. */
export function isOfKind<Kind extends RecordKind>(kind: Kind, value: unknown): value is StoredValues[Kind] {
  let validate = validators.get(kind);
  if (validate === undefined) {
    validate = new Ajv({ meta: false, validateSchema: false, discriminator: true, code: { optimize: false } }).compile(
      SCHEMAS[kind],
    );
    validators.set(kind, validate);
  }
  return validate(value);
}
