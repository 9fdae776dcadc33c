import type { NamedHolder } from '../control/holders.js';
import type { PolicyChange } from '../control/policy-plan.js';
import * as proto from '../generated/hauberk/v1/policy.js';
import { originOf } from '../policy/model.js';
import { inTimeSlices, nextTimeSlice } from '../time-slices.js';
import { POLICY_ORIGINS, SCOPES } from './names.js';
import { bytesOf, IDS_MAX } from './pages.js';

/**
 * Reports a change of policies in an answer that every client accepts, however many policies and containers there are.
 */

/** Bytes of the warnings and conflicts of one answer. */
const REMARK_BYTES_MAX = 256 * 1024;
/** Bytes of all changes without ids and remarks. */
const CHANGE_BYTES_MAX = 512 * 1024;

const KINDS: Readonly<Record<PolicyChange['kind'], proto.PolicyChange_Kind>> = {
  created: proto.PolicyChange_Kind.CREATED,
  updated: proto.PolicyChange_Kind.UPDATED,
  unchanged: proto.PolicyChange_Kind.UNCHANGED,
  deleted: proto.PolicyChange_Kind.DELETED,
};

export async function toChangeMessages(changes: readonly PolicyChange[]): Promise<{
  changes: proto.PolicyChange[];
  omittedChanges: bigint;
}> {
  // Ids are counted over all changes of an answer.
  const room = { ids: IDS_MAX, remarks: REMARK_BYTES_MAX, bytes: CHANGE_BYTES_MAX };
  const messages = new Map<PolicyChange, proto.PolicyChange>();
  // Unchanged policies come last, so that they are left out first.
  for (const isUnchanged of [false, true]) {
    for await (const change of inTimeSlices(changes)) {
      if ((change.kind === 'unchanged') !== isUnchanged || room.bytes <= 0) continue;
      messages.set(change, toMessage(change, room));
    }
  }
  // It is encoded at once where it is given back.
  await nextTimeSlice();
  const reported = changes.flatMap((change) => messages.get(change) ?? []);
  return { changes: reported, omittedChanges: BigInt(changes.length - reported.length) };
}

/** The ids that still fit into the answer. */
export function someIds(ids: readonly string[]): string[] {
  return ids.slice(0, IDS_MAX);
}

function toMessage(change: PolicyChange, room: { ids: number; remarks: number; bytes: number }): proto.PolicyChange {
  const { policy, kind, containerIds, resourceVersion } = change;
  const ids = containerIds.slice(0, room.ids);
  room.ids -= ids.length;
  const message = {
    namespace: policy.namespace,
    name: policy.name,
    kind: KINDS[kind],
    containerIds: [] as string[],
    warnings: [] as string[],
    conflicts: [] as string[],
    resourceVersion: BigInt(resourceVersion),
    previousVersion: BigInt(change.previousVersion),
    scope: SCOPES[policy.scope ?? 'namespace'],
    containerCount: BigInt(containerIds.length),
    origin: POLICY_ORIGINS[originOf(policy)],
  };
  room.bytes -= bytesOf(message);
  message.containerIds = ids;
  message.warnings = remarks(change.warnings, room);
  message.conflicts = remarks(change.conflicts, room);
  const { named = [], omitted = 0 } = change.held ?? {};
  return named.length === 0 ? message : { ...message, holders: toHolders(named, omitted, room) };
}

/** The size of a holder without its paths. */
const HOLDER_BYTES = 100;
const HOLDER_KINDS: Readonly<Record<NamedHolder['kind'], proto.Holder_Kind>> = {
  descriptor: proto.Holder_Kind.DESCRIPTOR,
  mapping: proto.Holder_Kind.MAPPING,
  ring: proto.Holder_Kind.RING,
};

function toHolders(named: readonly NamedHolder[], omitted: number, room: { remarks: number }): proto.Holders {
  const shown: proto.Holder[] = [];
  for (const holder of named.map(toHolderMessage)) {
    room.remarks -= Buffer.byteLength(holder.program) + Buffer.byteLength(holder.path) + HOLDER_BYTES;
    if (room.remarks >= 0) shown.push(holder);
  }
  return { named: shown, omitted: BigInt(omitted + named.length - shown.length) };
}

function toHolderMessage({ containerId, pid, program, path, kind }: NamedHolder): proto.Holder {
  return { containerId, processId: pid, program, path, kind: HOLDER_KINDS[kind] };
}

function remarks(texts: readonly string[], room: { remarks: number }): string[] {
  const shown: string[] = [];
  for (const text of texts) {
    room.remarks -= Buffer.byteLength(text) + 4;
    if (room.remarks < 0) return [...shown, `and ${texts.length - shown.length} more, which do not fit this answer`];
    shown.push(text);
  }
  return shown;
}
