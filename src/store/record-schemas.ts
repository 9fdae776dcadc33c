import type { SchemaObject } from 'ajv';
import type { ContainerOrigin } from '../containers/container.js';
import { flag, labels, number, object, oneOf, text, texts } from '../disk-schema.js';
import { objectOnDisk } from '../image/object-on-disk.js';
import { OPERATIONS, OWNERSHIPS } from '../policy/effect.js';
import { POSTURE_CLASSES } from '../policy/model.js';
import { OVERRIDE_MODES } from '../policy/override.js';
import { policy, ruleClass } from './stored-rules.js';
import type { RecordKind } from './stored-schema.js';
import { ACCESS_VERSION } from './stored-state.js';

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

const access = (
  accessed: Readonly<Record<string, SchemaObject>>,
  version: Readonly<Record<string, SchemaObject>> = {},
): SchemaObject =>
  object({
    ...version,
    profile: text,
    containerId: text,
    key: text,
    access: object(
      {
        ...accessed,
        class: ruleClass,
        operations: { type: 'array', items: oneOf(OPERATIONS) },
        program: text,
        count: number,
      },
      { fromOutside: flag, ownership: oneOf(OWNERSHIPS), terminal: flag, parent: text },
    ),
  });

/** The form of each kind; more fields than these are kept as they are. */
export const RECORD_SCHEMAS: Readonly<Record<RecordKind, SchemaObject>> = {
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
      rootBefore: text,
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
  access: {
    anyOf: [
      access({ object: objectOnDisk }, { version: { const: ACCESS_VERSION } }),
      { ...access({ word: text }), not: { required: ['version'] } },
    ],
  },
  revision: number,
  lastImage: number,
  keepsUnknown: flag,
  hostLabels: labels,
};
