import { flag, labels, number, object, oneOf, text, texts } from '../disk-schema.js';
import { matchOnDisk } from '../policy/kinds/kinds.js';
import { placeOnDisk } from '../policy/kinds/paths.js';
import { FILE_OPERATIONS, POLICY_ORIGINS, RULE_CLASSES } from '../policy/model.js';

/** The form of policies and rules on disk: a record with a value that this version does not know is not read. */

export const ruleClass = oneOf(RULE_CLASSES);

const rule = object(
  {
    id: text,
    class: ruleClass,
    match: matchOnDisk,
    sources: texts,
    action: oneOf(['Allow', 'Audit', 'Block']),
    readOnly: flag,
    ownerOnly: flag,
    severity: number,
    tags: texts,
    message: text,
  },
  { operations: { type: 'array', items: oneOf(FILE_OPERATIONS) }, arguments: texts, terminal: flag },
);

const expression = object({ key: oneOf(['label', 'namespace']), operator: oneOf(['In', 'NotIn']), values: texts });

export const policy = object(
  { name: text, namespace: text, matchLabels: labels, rules: { type: 'array', items: rule } },
  {
    scope: oneOf(['namespace', 'cluster', 'host']),
    origin: oneOf(POLICY_ORIGINS),
    matchExpressions: { type: 'array', items: expression },
    priority: number,
    mode: oneOf(['enforce', 'audit']),
    guards: { enum: [false] },
    heldDescriptors: oneOf(['leave']),
    loaderLibraries: { type: 'array', items: placeOnDisk, minItems: 1 },
    expires: number,
  },
);
