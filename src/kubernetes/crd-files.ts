import { stringify } from 'yaml';
import { CUSTOM_RESOURCES, definitionOf, GROUP } from './custom-resources.js';

// Quotes what older YAML parsers, such as kubectl's, treat as booleans, such as `on`.
const FORM = { compat: 'yaml-1.1', lineWidth: 0, aliasDuplicateObjects: false } as const;
const HEAD = '# Made by tools/custom-resources.mjs of the schema that manifests are checked by. Not to be edited.\n';

/** The files of packaging/kubernetes/crds, by name. */
export function definitionFiles(): ReadonlyMap<string, string> {
  return new Map(
    CUSTOM_RESOURCES.map((resource) => [
      `${GROUP}_${resource.plural}.yaml`,
      HEAD + stringify(definitionOf(resource), FORM),
    ]),
  );
}
