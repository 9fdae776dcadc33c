import { operationsOn, subjectOf } from '../image/layout.js';
import { PATH_OPERATIONS } from '../policy/effect.js';
import type { ObservedAccess } from '../profile/observed-access.js';
import { type EventRecord, FLAGS } from './record.js';

/** The access of a record, without the particular process and the result. */
export function observedAccess(record: EventRecord): ObservedAccess {
  const subject = record.operation === 'resolve' ? 'names' : subjectOf(record.class);
  const fromOutside = (record.flags & FLAGS.fromOutside) !== 0;
  return {
    class: record.class,
    operations:
      subject === 'path'
        ? PATH_OPERATIONS.filter((_, index) => (record.wanted & (1 << index)) !== 0)
        : operationsOn(subject),
    object: record.object,
    program: fromOutside ? '' : record.program,
    ...(record.class === 'process' && !fromOutside && { parent: record.parentProgram }),
    fromOutside,
    ownership: record.flags & FLAGS.notOwner ? 'other' : 'owner',
    terminal: (record.flags & FLAGS.terminal) !== 0,
    count: 1,
  };
}
