import type { Container } from '../containers/container.js';
import type { SecurityEvent } from './event.js';

/** The policy named in a note that reports a pod whose policies do not decide, or do again. */
export const POLICY_OVERRIDE = 'PolicyOverride';

/** An event that stands for others: it reports no decision. */
export function noteOf(
  policy: string,
  message: string,
  container: Pick<Container, 'id' | 'name' | 'namespace' | 'labels'> | undefined,
  time: bigint,
): SecurityEvent {
  return {
    time,
    containerId: container?.id ?? '',
    containerName: container?.name ?? '',
    namespace: container?.namespace ?? '',
    labels: container?.labels ?? {},
    policy,
    policyNamespace: '',
    rule: '',
    severity: 1,
    tags: [],
    message,
    class: undefined,
    operation: '',
    object: '',
    decoded: undefined,
    action: undefined,
    result: undefined,
    program: '',
    parentProgram: '',
    pid: 0,
    hostPid: 0,
    parentPid: 0,
    hostParentPid: 0,
    uid: 0,
    comm: '',
    imageId: 0,
    suppressed: 0,
    wouldBlock: false,
  };
}
