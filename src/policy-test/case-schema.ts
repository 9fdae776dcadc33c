import { POSTURE_CLASSES } from '../policy/model.js';

/** The JSON Schema of a file of cases: see case-file.ts. */

const text = { type: 'string' };
const flag = { type: 'boolean' };
const mapping = (properties: object, required: readonly string[] = []) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
const list = (items: object) => ({ type: 'array', items });
const oneOf = (...words: readonly string[]) => ({ type: 'string', enum: words });
const DIRECTORY = '^(?:/[^/]+)+$';
const posture = oneOf('audit', 'block');

export const CASE_FILE_SCHEMA = mapping(
  {
    policies: list(text),
    postures: mapping(Object.fromEntries(POSTURE_CLASSES.map((each) => [each, posture]))),
    cases: {
      ...list(
        mapping(
          {
            name: text,
            container: mapping({
              namespace: text,
              labels: { type: 'object', additionalProperties: text },
              host: flag,
              links: {
                type: 'object',
                propertyNames: { pattern: DIRECTORY },
                additionalProperties: { type: 'string', pattern: DIRECTORY },
              },
            }),
            program: text,
            parentProgram: text,
            operation: text,
            object: text,
            newPath: text,
            filesystem: text,
            notOwner: flag,
            terminal: flag,
            arguments: list(text),
            socket: mapping({
              family: text,
              type: text,
              protocol: { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 },
              direction: oneOf('egress', 'ingress'),
              port: { type: 'integer', minimum: 0, maximum: 65_535 },
              address: text,
              name: text,
            }),
            expect: mapping({ action: oneOf('allow', 'audit', 'block'), rule: text, wouldBlock: flag }, ['action']),
          },
          ['container', 'operation', 'expect'],
        ),
      ),
      minItems: 1,
    },
  },
  ['cases'],
);
