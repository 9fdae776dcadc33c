import { operationsOn, subjectOf } from '../image/layout.js';
import { reportedObject } from '../image/read-object-key.js';
import { type EventRecord, FLAGS } from '../kernel/event-record.js';
import { type Operation, PATH_OPERATIONS } from '../policy/effect.js';
import type { AccessMemory } from '../profile/access-memory.js';
import type { ObservedAccess } from '../profile/observed-access.js';

/** The access of a record, without the particular process and the result. */
export function observedAccess(record: EventRecord): ObservedAccess {
  const fromOutside = (record.flags & FLAGS.fromOutside) !== 0;
  return {
    class: record.class,
    operations: operationsOf(record),
    object: reportedObject(record.object),
    program: fromOutside ? '' : record.program,
    ...(record.class === 'process' && !fromOutside && { parent: record.parentProgram }),
    fromOutside,
    ownership: record.flags & FLAGS.notOwner ? 'other' : 'owner',
    terminal: (record.flags & FLAGS.terminal) !== 0,
    count: 1,
  };
}

/** Operations that the access of a record asked for together. */
export function operationsOf({ class: ruleClass, operation, wanted }: EventRecord): readonly Operation[] {
  const subject = operation === 'resolve' ? 'names' : subjectOf(ruleClass);
  return subject === 'path'
    ? PATH_OPERATIONS.filter((_, index) => (wanted & (1 << index)) !== 0)
    : operationsOn(subject);
}

/** Remembers the access of a record; it is decoded only if none of its kind is remembered yet. */
export function rememberAccess(memory: AccessMemory, containerId: string, record: EventRecord): void {
  const kind = `${containerId}\0${kindOf(record)}`;
  if (!memory.countAgain(kind)) memory.add(kind, containerId, observedAccess(record));
}

const OBSERVED_FLAGS = FLAGS.fromOutside | FLAGS.notOwner | FLAGS.terminal;

/** Equal for records whose accesses differ in nothing that accessKey looks at. */
function kindOf({ class: ruleClass, operation, wanted, flags, object, program }: EventRecord): string {
  const operations = subjectOf(ruleClass) === 'path' ? wanted : operation === 'resolve';
  const actor = flags & FLAGS.fromOutside ? '' : program;
  return `${ruleClass} ${operations} ${flags & OBSERVED_FLAGS}\0${object}\0${actor}`;
}
