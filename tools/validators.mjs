/**
 * Writes the validators of policies, stored records and files of policy tests to src/generated: compiling their schemas at
 * run time would take longer than the rest of a program's start.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { _, Ajv, Name } from 'ajv';
import standalone from 'ajv/dist/standalone/index.js';
import { build } from 'esbuild';

/** The exports of the schemas' sources. */
async function schemas() {
  // In the repository, where the packages are found that it imports.
  const outfile = `build/schemas-${process.pid}.mjs`;
  const contents = `
    export { POLICY_KINDS, policySchema, SHARED_SCHEMAS } from './src/policy/manifest-schema.ts';
    export { RECORD_SCHEMAS } from './src/store/record-schemas.ts';
    export { CASE_FILE_SCHEMA } from './src/policy-test/case-schema.ts';`;
  await build({
    stdin: { contents, resolveDir: '.' },
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    logLevel: 'warning',
  });
  try {
    return await import(pathToFileURL(outfile));
  } finally {
    rmSync(outfile);
  }
}

/** What src/policy/schema-keywords.ts exports is imported by the validators under its own name. */
const KEYWORD_FUNCTIONS = ['checkProblem', 'choiceProblem', 'isEmptyValue'];
const [checkProblem, choiceProblem, isEmptyValue] = KEYWORD_FUNCTIONS.map((name) => new Name(name));

const KEYWORDS = [
  {
    keyword: 'check',
    type: ['string', 'number'],
    schemaType: 'string',
    error: { message: ({ params }) => params.problem },
    code(context) {
      const problem = context.gen.const('problem', _`${checkProblem}(${context.schema}, ${context.data})`);
      context.setParams({ problem });
      context.fail(_`${problem} !== undefined`);
    },
  },
  {
    keyword: 'choice',
    type: 'object',
    schemaType: 'object',
    error: {
      message: ({ params }) => _`${params.problem}.message`,
      params: ({ params }) => _`{field: ${params.problem}.field}`,
    },
    code(context) {
      const problem = context.gen.const('problem', _`${choiceProblem}(${context.schemaValue}, ${context.data})`);
      context.setParams({ problem });
      context.fail(_`${problem} !== undefined`);
    },
  },
  {
    keyword: 'unsupported',
    schemaType: 'object',
    error: { message: 'is not supported' },
    code: (context) => context.fail(_`!${isEmptyValue}(${context.data})`),
  },
];

/** Options of validators that report every problem, with the failing schema. */
const WITH_PROBLEMS = { allErrors: true, verbose: true, allowUnionTypes: true };

/**
 * @param schemas by the names under which their validators are exported
 * @param shared schemas that those refer to, by name
 */
async function write(name, schemas, options, { keywords = [], shared = [], imports = '' } = {}) {
  // Not validated here: a test checks the schema of policies against JSON Schema's own.
  const ajv = new Ajv({ ...options, meta: false, validateSchema: false, keywords, code: { source: true, esm: true } });
  for (const [id, schema] of shared) ajv.addSchema(schema, id);
  // Copies: a schema under two names would be written twice.
  for (const [id, schema] of Object.entries(schemas)) ajv.addSchema(structuredClone(schema), id);
  const names = Object.keys(schemas);
  const { outputFiles, metafile } = await build({
    stdin: {
      contents: imports + standalone.default(ajv, Object.fromEntries(names.map((id) => [id, id]))),
      resolveDir: '.',
    },
    write: false,
    metafile: true,
    bundle: true,
    packages: 'bundle',
    external: ['../policy/*'],
    format: 'esm',
    platform: 'node',
    target: 'node22',
    minify: true,
    logLevel: 'warning',
  });
  // Some keywords (minLength, uniqueItems) need Ajv's run-time code, which would then have to be listed in releases.
  const inputs = Object.keys(metafile.inputs).filter((path) => path !== '<stdin>');
  if (inputs.length > 0) throw new Error(`${name} contains ${inputs.join(', ')}: make ajv a dependency of releases`);
  writeFileSync(`src/generated/${name}.ts`, `// @ts-nocheck\n${outputFiles[0].text}`);
}

const { POLICY_KINDS, policySchema, SHARED_SCHEMAS, RECORD_SCHEMAS, CASE_FILE_SCHEMA } = await schemas();
const policies = Object.fromEntries(POLICY_KINDS.map((kind) => [kind, policySchema(kind)]));
await write('policy-validators', policies, WITH_PROBLEMS, {
  keywords: KEYWORDS,
  shared: SHARED_SCHEMAS,
  imports: `import { ${KEYWORD_FUNCTIONS.join(', ')} } from '../policy/schema-keywords.js';`,
});
await write('record-validators', RECORD_SCHEMAS, { discriminator: true });
await write('case-file-validator', { validateCaseFile: CASE_FILE_SCHEMA }, WITH_PROBLEMS);
