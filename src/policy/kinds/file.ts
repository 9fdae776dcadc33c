import { FILE_OPERATIONS, type FileOperation } from '../model.js';
import { flag, list, optional } from '../schema-parts.js';
import { ofOwnClass, type SectionPart } from './parts.js';
import { pathSection, readPathSection } from './path-section.js';

/** Allowed with reading, so only rules that name it decide about it. */
const WITHOUT_MAP: readonly FileOperation[] = FILE_OPERATIONS.filter((each) => each !== 'map');

/** Paths that are accessed. */
export const fileSection: SectionPart = {
  schema: pathSection(
    { readOnly: flag, operations: optional({ ...list({ type: 'string', enum: FILE_OPERATIONS }), minItems: 1 }) },
    {},
    ['path'],
  ),
  read: (spec) => readPathSection('file', spec.file ?? {}, spec),
  places: () => [],
  operations(rule) {
    // An Allow rule makes the posture decide about what no rule names, whatever is done to it.
    const operations = rule.action === 'Allow' ? WITHOUT_MAP : (rule.operations ?? WITHOUT_MAP);
    // Not all changes of attributes come by hooks that report the path.
    return ofOwnClass(
      rule,
      operations.flatMap((each) => (each === 'attributes' ? [each, 'other attributes'] : [each])),
    );
  },
};
