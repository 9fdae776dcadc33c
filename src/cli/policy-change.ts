import {
  Holder_Kind,
  type Holders,
  type PolicyChange,
  PolicyChange_Kind,
  PolicyOrigin,
  Scope,
} from '../client/messages.js';
import { counted } from '../counted.js';
import { coloured } from './output.js';
import { keyOf } from './policy-key.js';
import { terminal } from './terminal.js';
import { nameOf } from './views.js';

/** A change for programs. @param difference how its manifest changes, if it does */
export function policyChangeView(change: PolicyChange, difference: string | undefined) {
  return {
    ...change,
    kind: nameOf(PolicyChange_Kind, change.kind),
    scope: nameOf(Scope, change.scope),
    origin: nameOf(PolicyOrigin, change.origin || PolicyOrigin.RPC),
    resourceVersion: Number(change.resourceVersion),
    previousVersion: Number(change.previousVersion),
    containerCount: Number(change.containerCount),
    ...(change.holders !== undefined && {
      holders: change.holders.named.map((holder) => ({ ...holder, kind: nameOf(Holder_Kind, holder.kind) })),
      omittedHolders: Number(change.holders.omitted),
    }),
    ...(difference !== undefined && { difference }),
  };
}

/** Prints a change, with its notes and warnings, for people. */
export function printChange(change: PolicyChange, suffix: string): void {
  const { kind, containerCount, conflicts } = change;
  const reaches = kind === PolicyChange_Kind.DELETED ? 'reached' : 'reaches';
  const what = PolicyChange_Kind[kind].toLowerCase();
  const shown = kind === PolicyChange_Kind.DELETED ? coloured('red', what) : what;
  terminal().out(`policy ${keyOf(change)} ${shown}, ${reaches} ${counted(containerCount, 'container')}${suffix}\n`);
  printWarnings(change);
  printHolders(change);
  for (const conflict of conflicts) terminal().err(`${keyOf(change)}: note: ${conflict}\n`);
}

/** @param remark how a warning is printed; unchanged when left out */
export function printWarnings(change: PolicyChange, remark: (warning: string) => string = (warning) => warning): void {
  for (const warning of change.warnings) terminal().err(`${keyOf(change)}: warning: ${remark(warning)}\n`);
}

/** Prints which processes hold, from before, what a policy refuses. */
function printHolders(change: PolicyChange): void {
  const { named, omitted } = change.holders ?? NO_HOLDERS;
  const warn = (text: string) => terminal().err(`${keyOf(change)}: warning: ${text}\n`);
  for (const { kind, containerId, processId, program, path } of named) {
    const container = containerId.slice(0, SHORT_ID);
    const process = `process ${processId} (${program}) of container ${container}`;
    if (kind === Holder_Kind.DESCRIPTOR) warn(`${process} had opened ${path} before: each use of it is refused now`);
    else if (kind === Holder_Kind.MAPPING) warn(`${process} had mapped ${path} before, and keeps what is mapped`);
    else warn(`container ${container} has an io_uring ring: each use of a file it has opened is decided now`);
  }
  if (omitted > 0n) warn(`and ${omitted} more such files`);
}

const NO_HOLDERS: Holders = { named: [], omitted: 0n };
const SHORT_ID = 12;

/** Prints how many changes did not fit into an answer. */
export function printOmitted(omitted: bigint, stream: 'out' | 'err'): void {
  if (omitted > 0n) terminal()[stream](`and ${omitted} more\n`);
}
