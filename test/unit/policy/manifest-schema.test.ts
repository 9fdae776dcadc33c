import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { POLICY_KINDS, policySchema, SHARED_SCHEMAS } from '../../../src/policy/manifest-schema.js';

const ajv = new Ajv();

test('every schema of the policy language is valid JSON Schema', () => {
  for (const [name, schema] of SHARED_SCHEMAS) assert.equal(ajv.validateSchema(schema), true, name);
  for (const kind of POLICY_KINDS) assert.equal(ajv.validateSchema(policySchema(kind)), true, kind);
  assert.notEqual(ajv.validateSchema({ type: 'object', required: 'name' }), true);
});
