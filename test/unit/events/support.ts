import type { SecurityEvent } from '../../../src/events/event.js';
import { describeObject } from '../../../src/image/describe-object.js';
import type { KeyObject } from '../../../src/image/reported-object.js';

/** An event with the given fields. */
export function makeEvent(event: Partial<SecurityEvent> = {}): SecurityEvent {
  return {
    time: 1_700_000_000_123_456_789n,
    containerId: 'c1',
    containerName: 'web-1',
    namespace: 'default',
    labels: { app: 'web', tier: 'front' },
    policy: 'no-shadow',
    policyNamespace: 'default',
    rule: 'file.matchPaths[0]',
    severity: 5,
    tags: ['secrets'],
    message: 'shadow is read',
    class: 'file',
    operation: 'open',
    object: '/etc/shadow',
    decoded: undefined,
    action: 'Block',
    result: 'denied',
    program: '/bin/cat',
    parentProgram: '/bin/sh',
    pid: 7,
    hostPid: 4007,
    parentPid: 1,
    hostParentPid: 4001,
    uid: 1000,
    comm: 'cat',
    imageId: 3,
    suppressed: 0,
    wouldBlock: false,
    ...event,
  };
}

/** The fields of an event about an object that is no path. */
export function fieldsOf(decoded: KeyObject): Pick<SecurityEvent, 'object' | 'decoded'> {
  return { object: describeObject(decoded), decoded };
}
