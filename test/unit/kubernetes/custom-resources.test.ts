import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { definitionFiles } from '../../../src/kubernetes/crd-files.js';
import { CUSTOM_RESOURCES, definitionOf } from '../../../src/kubernetes/custom-resources.js';
import { structuralSchema } from '../../../src/kubernetes/structural-schema.js';

const DIRECTORY = 'packaging/kubernetes/crds';

type Schema = Readonly<Record<string, unknown>>;

/** The keywords of apiextensions.k8s.io/v1 that a structural schema may have, without those that we do not use. */
const WORDS = new Set([
  'type',
  'format',
  'nullable',
  'enum',
  'minimum',
  'maximum',
  'minItems',
  'properties',
  'required',
  'items',
  'additionalProperties',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
]);
const TYPES = ['object', 'array', 'string', 'integer', 'boolean'];

/** Violations of "Specifying a structural schema" in Kubernetes' documentation. */
function* faultsOf(schema: Schema, path: string): Generator<string> {
  for (const word of Object.keys(schema)) if (!WORDS.has(word)) yield `${path}: ${word}`;
  const { type, properties, items, additionalProperties, required } = schema;
  const isOpen =
    schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (type === undefined ? !isOpen : !TYPES.includes(type as string)) yield `${path}: type ${type}`;
  if (properties !== undefined && additionalProperties !== undefined) yield `${path}: two kinds of fields`;
  if ((type === 'array') !== (items !== undefined)) yield `${path}: items`;
  for (const name of (required as string[]) ?? []) {
    if (!Object.hasOwn((properties as object) ?? {}, name)) yield `${path}: requires ${name}`;
  }
  for (const [name, each] of Object.entries((properties as Record<string, Schema>) ?? {})) {
    yield* faultsOf(each, `${path}.${name}`);
  }
  for (const each of [items, additionalProperties])
    if (each !== undefined) yield* faultsOf(each as Schema, `${path}[]`);
}

function schemaOf(definition: unknown): Schema {
  const { versions } = (definition as { spec: { versions: { schema: { openAPIV3Schema: Schema } }[] } }).spec;
  return versions[0]!.schema.openAPIV3Schema;
}

function at(schema: Schema, ...path: readonly string[]): Schema {
  return path.reduce<Schema>((each, name) => {
    const inside = name === '[]' ? each.items : (each.properties as Record<string, unknown>)[name];
    return inside as Schema;
  }, schema);
}

test('the shipped definitions are generated from the schema of manifests', () => {
  const files = definitionFiles();
  assert.deepEqual(readdirSync(DIRECTORY).sort(), [...files.keys()].sort());
  for (const [name, text] of files) {
    const shipped = readFileSync(`${DIRECTORY}/${name}`, 'utf8');
    assert.equal(shipped, text, `${name} is not up to date: node tools/custom-resources.mjs`);
  }
});

for (const resource of CUSTOM_RESOURCES) {
  describe(`the definition of ${resource.kind}`, () => {
    const definition = definitionOf(resource);
    const schema = schemaOf(definition);

    test('has a structural schema', () => {
      assert.deepEqual([...faultsOf(schema, '')], []);
    });

    test('means the same in YAML 1.1, which kubectl reads', () => {
      const text = definitionFiles().get(`hauberk.io_${resource.plural}.yaml`)!;
      assert.deepEqual(parse(text, { version: '1.1' }), JSON.parse(JSON.stringify(definition)));
    });

    test('has every section of the language, with the fields of rules', () => {
      const sections = Object.keys(at(schema, 'spec').properties as object);
      for (const section of ['process', 'file', 'network', 'capabilities', 'filesystems', 'mounts', 'ptrace']) {
        assert.ok(sections.includes(section), section);
      }
      const item = at(schema, 'spec', 'file', 'matchPaths', '[]');
      assert.deepEqual(at(item, 'severity'), { type: 'integer', nullable: true, minimum: 1, maximum: 10 });
      assert.deepEqual(at(item, 'action'), { type: 'string', enum: ['Allow', 'Audit', 'Block'] });
      assert.deepEqual(at(item, 'fromSource', '[]', 'path'), { type: 'string', nullable: true });
      assert.deepEqual(at(schema, 'spec', 'network', 'matchDNSQueries', '[]').required, ['domain']);
      assert.deepEqual(at(schema, 'spec', 'network', 'matchEndpoints', '[]', 'ports'), {
        nullable: true,
        'x-kubernetes-int-or-string': true,
      });
    });

    test('keeps unknown fields, so that the policy is refused instead of silently changed', () => {
      for (const path of [
        [],
        ['file'],
        ['file', 'matchPaths', '[]'],
        ['file', 'matchPaths', '[]', 'fromSource', '[]'],
      ]) {
        assert.equal(at(schema, 'spec', ...path)['x-kubernetes-preserve-unknown-fields'], true, path.join('.'));
      }
      assert.deepEqual(at(schema, 'spec', 'apparmor'), { 'x-kubernetes-preserve-unknown-fields': true });
    });
  });
}

test('a schema without a structural form cannot be generated', () => {
  assert.throws(() => structuralSchema({ $ref: 'nowhere' }, new Map()), /no schema is named nowhere/);
  assert.throws(() => structuralSchema({ type: ['string', 'boolean'] }, new Map()), /has the types string,boolean/);
});
