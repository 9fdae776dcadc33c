import { VERDICT_ACTION_SHIFT, VERDICT_RULE_MASK } from '../image/layout.js';
import { RULE_CLASSES, type RuleClass } from '../policy/model.js';

/** Offsets in struct event_record, bpf/include/event.h (a kernel test compares the two). */
export const RECORD = {
  time_ns: 0,
  pid_namespace: 8,
  mount_namespace: 12,
  generation: 16,
  verdict: 20,
  operation: 24,
  rule_class: 25,
  path_result: 26,
  flags: 28,
  host_pid: 32,
  pid: 36,
  host_parent_pid: 40,
  parent_pid: 44,
  uid: 48,
  object_bytes: 52,
  program_bytes: 56,
  parent_program_bytes: 60,
  comm: 64,
} as const;
export const RECORD_BYTES = 80;

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
] as const;

/** The container's next event may have to be held back: see held-back.ts. */
export const FLAG_LAST_TOKEN = 1 << 0;

/** Order of enum path_result: why the kernel had no path to decide on. */
export const PATH_RESULTS = ['resolved', 'too-long', 'unreachable', 'unstable', 'unavailable'] as const;

/** One record of the ring buffer, decoded but not yet explained. */
export interface EventRecord {
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly time: bigint;
  readonly pidNamespace: number;
  readonly mountNamespace: number;
  readonly generation: number;
  /** 0 Allow, 1 Audit, 2 Block. */
  readonly action: number;
  readonly rule: number;
  readonly operation: (typeof OPERATIONS)[number];
  readonly class: RuleClass;
  readonly pathResult: (typeof PATH_RESULTS)[number];
  readonly isLastToken: boolean;
  readonly hostPid: number;
  readonly pid: number;
  readonly hostParentPid: number;
  readonly parentPid: number;
  readonly uid: number;
  readonly comm: string;
  /** A path, or a word: see word.ts. */
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
    generation: bytes.readUInt32LE(RECORD.generation),
    action: verdict >>> VERDICT_ACTION_SHIFT,
    rule: verdict & VERDICT_RULE_MASK,
    operation,
    class: ruleClass,
    pathResult,
    isLastToken: (bytes.readUInt32LE(RECORD.flags) & FLAG_LAST_TOKEN) !== 0,
    hostPid: bytes.readUInt32LE(RECORD.host_pid),
    pid: bytes.readUInt32LE(RECORD.pid),
    hostParentPid: bytes.readUInt32LE(RECORD.host_parent_pid),
    parentPid: bytes.readUInt32LE(RECORD.parent_pid),
    uid: bytes.readUInt32LE(RECORD.uid),
    comm: bytes.toString('utf8', RECORD.comm, commEnd >= 0 && commEnd < RECORD_BYTES ? commEnd : RECORD_BYTES),
    object: bytes.toString('utf8', RECORD_BYTES, objectEnd),
    program: bytes.toString('utf8', objectEnd, programEnd),
    parentProgram: bytes.toString('utf8', programEnd, parentEnd),
  };
}
