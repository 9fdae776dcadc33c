import { type Envelope, TaskExit, TaskStart } from '../generated/containerd/services/events/v1/events.js';

/** A start, with the container's process if the event contains it, or an end. */
export type RuntimeEvent =
  | { readonly type: 'started'; readonly id: string; readonly pid?: number }
  | { readonly type: 'ended'; readonly id: string };

/** Containers of CRI are in this namespace, in containerd, k3s and others. */
export const CRI_TASK_FILTERS = ['/tasks/start', '/tasks/exit'].map(
  (topic) => `namespace==k8s.io,topic==${JSON.stringify(topic)}`,
);

/** Undefined for events that are not the start or end of a container: the end of a process that was started by exec. */
export function readContainerdEvent({ topic, event }: Envelope): RuntimeEvent | undefined {
  if (event === undefined) return undefined;
  if (topic === '/tasks/start') {
    const { containerId, pid } = TaskStart.decode(event.value);
    return { type: 'started', id: containerId, pid };
  }
  if (topic !== '/tasks/exit') return undefined;
  const { containerId, id } = TaskExit.decode(event.value);
  return id === containerId ? { type: 'ended', id } : undefined;
}
