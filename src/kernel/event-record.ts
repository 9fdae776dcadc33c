import { VERDICT_ACTION_SHIFT, VERDICT_RULE_MASK } from '../image/layout.js';
import { RULE_CLASSES, type RuleClass } from '../policy/model.js';
import { PATH_RESULTS } from './path-results.js';
import { textOf } from './text.js';

/** Offsets in struct event_record, bpf/include/event.h (a kernel test compares the two). */
export const RECORD = {
  time_ns: 0,
  access: 8,
  pid_namespace: 16,
  mount_namespace: 20,
  image_id: 24,
  verdict: 28,
  operation: 32,
  rule_class: 33,
  path_result: 34,
  flags: 36,
  wanted: 38,
  host_pid: 40,
  pid: 44,
  host_parent_pid: 48,
  parent_pid: 52,
  uid: 56,
  object_bytes: 60,
  program_bytes: 64,
  parent_program_bytes: 68,
  comm: 72,
} as const;
export const RECORD_BYTES = 88;

/** Order of enum event_operation. */
export const OPERATIONS = [
  'exec',
  'open',
  'truncate',
  'unlink',
  'rmdir',
  'mkdir',
  'mknod',
  'symlink',
  'link',
  'rename',
  'chmod',
  'chown',
  'create',
  'bind',
  'connect',
  'listen',
  'accept',
  'send',
  'receive',
  'use',
  'map',
  'protect',
  'mount',
  'unmount',
  'trace',
  'unshare',
  'call',
  'resolve',
  'signal',
  'limit',
  'setxattr',
  'utime',
  'chattr',
] as const;

/** Bits of a record's flags. */
export const FLAGS = {
  /** The container's next event may have to be suppressed: see suppression.ts. */
  lastToken: 1 << 0,
  /** The first access of this kind by a container under a profile. */
  observed: 1 << 1,
  /** The acting user does not own the file. */
  notOwner: 1 << 2,
  /** The acting process has a controlling terminal. */
  terminal: 1 << 3,
  /** The acting process is the runtime that sets the container up, not one of its programs. */
  fromOutside: 1 << 4,
  /** Of a program that the rule names as its source: it is traced, or the rule does not hold for it. */
  ofSource: 1 << 5,
} as const;

/** One record of the ring buffer, decoded but not yet explained. */
export interface EventRecord {
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly time: bigint;
  readonly pidNamespace: number;
  readonly mountNamespace: number;
  readonly imageId: number;
  /** 0 Allow, 1 Audit, 2 Block. */
  readonly action: number;
  readonly rule: number;
  readonly operation: (typeof OPERATIONS)[number];
  readonly class: RuleClass;
  readonly pathResult: (typeof PATH_RESULTS)[number];
  /** Bits of FLAGS. */
  readonly flags: number;
  /** Numbers of the entries of a verdict row, as bits: see VERDICT_ROW_ENTRIES. */
  readonly wanted: number;
  /** For an observed access: its key in the kernel's map. */
  readonly access: bigint;
  readonly hostPid: number;
  readonly pid: number;
  readonly hostParentPid: number;
  readonly parentPid: number;
  readonly uid: number;
  readonly comm: string;
  /** A path, or an object key, which readObjectKey of image/ decodes. */
  readonly object: string;
  readonly program: string;
  readonly parentProgram: string;
}

/** Copies a record out of the ring's pages; undefined for one this version cannot read. */
export function decodeRecord(bytes: Buffer): EventRecord | undefined {
  if (bytes.length < RECORD_BYTES) return undefined;
  const operation = OPERATIONS[bytes.readUInt8(RECORD.operation)];
  const ruleClass = RULE_CLASSES[bytes.readUInt8(RECORD.rule_class)];
  const pathResult = PATH_RESULTS[bytes.readUInt16LE(RECORD.path_result)];
  const objectEnd = RECORD_BYTES + bytes.readUInt32LE(RECORD.object_bytes);
  const programEnd = objectEnd + bytes.readUInt32LE(RECORD.program_bytes);
  const parentEnd = programEnd + bytes.readUInt32LE(RECORD.parent_program_bytes);
  if (operation === undefined || ruleClass === undefined || pathResult === undefined || parentEnd > bytes.length)
    return undefined;
  const verdict = bytes.readUInt32LE(RECORD.verdict);
  const commEnd = bytes.indexOf(0, RECORD.comm);
  return {
    time: bytes.readBigUInt64LE(RECORD.time_ns),
    pidNamespace: bytes.readUInt32LE(RECORD.pid_namespace),
    mountNamespace: bytes.readUInt32LE(RECORD.mount_namespace),
    imageId: bytes.readUInt32LE(RECORD.image_id),
    action: verdict >>> VERDICT_ACTION_SHIFT,
    rule: verdict & VERDICT_RULE_MASK,
    operation,
    class: ruleClass,
    pathResult,
    flags: bytes.readUInt16LE(RECORD.flags),
    wanted: bytes.readUInt16LE(RECORD.wanted),
    access: bytes.readBigUInt64LE(RECORD.access),
    hostPid: bytes.readUInt32LE(RECORD.host_pid),
    pid: bytes.readUInt32LE(RECORD.pid),
    hostParentPid: bytes.readUInt32LE(RECORD.host_parent_pid),
    parentPid: bytes.readUInt32LE(RECORD.parent_pid),
    uid: bytes.readUInt32LE(RECORD.uid),
    comm: textOf(bytes, RECORD.comm, commEnd >= 0 && commEnd < RECORD_BYTES ? commEnd : RECORD_BYTES),
    object: textOf(bytes, RECORD_BYTES, objectEnd),
    program: textOf(bytes, objectEnd, programEnd),
    parentProgram: textOf(bytes, programEnd, parentEnd),
  };
}
