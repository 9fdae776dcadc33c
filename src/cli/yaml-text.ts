import { stringify } from 'yaml';

/** A value as YAML for programs to read. */
export function yamlText(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false });
}
