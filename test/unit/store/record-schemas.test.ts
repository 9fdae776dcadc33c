import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { RECORD_SCHEMAS } from '../../../src/store/record-schemas.js';
import { isOfKind, kindOfKey, type RecordKind } from '../../../src/store/stored-schema.js';
import { makePolicy, makeRule } from '../policy/support.js';

const ajv = new Ajv({ discriminator: true, meta: false, validateSchema: false });

/** Whether the schemas, and the validators that the build makes of them, accept a value. */
function isTaken(kind: RecordKind, value: unknown): boolean {
  const isBySchema = ajv.validate(RECORD_SCHEMAS[kind], value);
  assert.equal(isOfKind(kind, value), isBySchema, JSON.stringify(value));
  return isBySchema;
}

const policyWith = (rule: object, policy: object = {}) => ({
  policy: { ...makePolicy({ rules: [makeRule(rule)] }), ...policy },
  version: 1,
});
const place = { kind: 'exact', path: '/a' };
const container = {
  id: 'c',
  name: 'c',
  namespace: 'n',
  labels: {},
  origin: 'docker',
  namespaces: { pidNamespace: 1, mountNamespace: 2 },
  links: {},
};

test('the validators of stored records agree with their schemas', () => {
  const drift = { kind: 'preset', preset: 'drift' };
  const call = { kind: 'call', calls: ['kill'] };
  const taken: [RecordKind, unknown][] = [
    ['policy', policyWith({})],
    ['policy', policyWith({ match: { ...drift, except: [place] } })],
    ['policy', policyWith({ match: call })],
    ['policy', policyWith({}, { guards: false, loaderLibraries: [place] })],
    ['posture', { namespace: 'n', postures: { file: 'block' } }],
    ['container', container],
    [
      'container',
      { ...container, root: { device: 7 }, isFirstProcess: true, policyOverride: { mode: 'audited', setBy: '' } },
    ],
  ];
  for (const [kind, value] of taken) assert.equal(isTaken(kind, value), true, JSON.stringify(value));
  const refused: [RecordKind, unknown][] = [
    ['policy', policyWith({ match: { ...drift, except: [] } })],
    ['policy', policyWith({ match: { ...call, calls: [] } })],
    ['policy', policyWith({}, { guards: true })],
    ['policy', policyWith({}, { loaderLibraries: [] })],
    ['posture', { namespace: 'n', postures: { dreams: 'block' } }],
    ['posture', { namespace: 'n', postures: { file: 'dream' } }],
    ['container', { ...container, origin: 'dream' }],
    ['container', { ...container, root: {} }],
  ];
  for (const [kind, value] of refused) assert.equal(isTaken(kind, value), false, JSON.stringify(value));
});

test('the kind of a record is known by its key, unless it is of a later version', () => {
  assert.deepEqual(
    ['policy/n/a', 'container/x', 'generation', 'last-image', 'generation/x', 'dream/x', 'policy'].map(kindOfKey),
    ['policy', 'container', 'revision', 'lastImage', undefined, undefined, undefined],
  );
});
