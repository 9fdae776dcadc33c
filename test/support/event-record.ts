import { type EventRecord, FLAGS } from '../../src/events/record.js';
import { RULE_NONE } from '../../src/image/layout.js';

/** A record of a file that was read for the first time under a profile, but for what is given. */
export function recordOf(fields: Partial<EventRecord>): EventRecord {
  return {
    time: 1n,
    pidNamespace: 11,
    mountNamespace: 12,
    imageId: 40,
    action: 0,
    rule: RULE_NONE,
    operation: 'open',
    class: 'file',
    pathResult: 'resolved',
    flags: FLAGS.observed,
    wanted: 1 << 1,
    access: 1n,
    hostPid: 1,
    pid: 1,
    hostParentPid: 1,
    parentPid: 1,
    uid: 0,
    comm: 'cat',
    object: '/etc/passwd',
    program: '/bin/cat',
    parentProgram: '/bin/sh',
    ...fields,
  };
}
