import { RULE_NONE } from '../../src/image/layout.js';
import { type EventRecord, FLAGS, OPERATIONS, RECORD, RECORD_BYTES } from '../../src/kernel/event-record.js';
import { PATH_RESULTS } from '../../src/kernel/path-results.js';
import { RULE_CLASSES, type RuleClass } from '../../src/policy/model.js';

/** A record of a file that was first read under a profile, except for the given fields. */
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

export interface RecordFields {
  readonly operation: (typeof OPERATIONS)[number];
  readonly ruleClass: RuleClass;
  readonly pathResult: (typeof PATH_RESULTS)[number];
  readonly action: number;
  readonly rule: number;
  readonly flags: number;
  readonly object: string;
  readonly imageId: number;
  readonly access: bigint;
}

/** The bytes of a record as bpf/include/report.h writes them. */
export function recordBytes(fields: Partial<RecordFields> = {}): Buffer {
  const {
    operation = 'open',
    ruleClass = 'file',
    pathResult = 'resolved',
    action = 2,
    rule = 0,
    flags = 0,
    object = '/etc/shadow',
    imageId = 3,
    access = 0n,
  } = fields;
  const paths = [object, '/bin/cat', '/bin/dash'].map((path) => Buffer.from(path));
  const head = Buffer.alloc(RECORD_BYTES);
  const numbers: Partial<Record<keyof typeof RECORD, number>> = {
    pid_namespace: 11,
    mount_namespace: 12,
    image_id: imageId,
    host_pid: 4007,
    pid: 7,
    host_parent_pid: 4001,
    parent_pid: 1,
    uid: 1000,
    flags,
    object_bytes: paths[0]!.length,
    program_bytes: paths[1]!.length,
    parent_program_bytes: paths[2]!.length,
  };
  for (const [name, value] of Object.entries(numbers)) head.writeUInt32LE(value, RECORD[name as keyof typeof RECORD]);
  head.writeUInt8(OPERATIONS.indexOf(operation), RECORD.operation);
  head.writeUInt8(RULE_CLASSES.indexOf(ruleClass), RECORD.rule_class);
  head.writeUInt16LE(PATH_RESULTS.indexOf(pathResult), RECORD.path_result);
  head.writeUInt32LE(((action << 30) | rule) >>> 0, RECORD.verdict);
  head.writeBigUInt64LE(500n, RECORD.time_ns);
  head.writeBigUInt64LE(access, RECORD.access);
  head.write('cat', RECORD.comm);
  return Buffer.concat([head, ...paths]);
}
