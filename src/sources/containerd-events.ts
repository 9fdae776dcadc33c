import { type Envelope, TaskExit, TaskStart } from '../generated/containerd/services/events/v1/events.js';

/** A start, with the container's process where the event tells it, or an end. */
export type RuntimeEvent =
  | { readonly type: 'started'; readonly id: string; readonly pid?: number }
  | { readonly type: 'ended'; readonly id: string };

/** What CRI runs is in this namespace, under containerd, k3s and the others alike. */
export const CRI_TASK_FILTERS = ['/tasks/start', '/tasks/exit'].map(
  (topic) => `namespace==k8s.io,topic==${JSON.stringify(topic)}`,
);

/** Undefined for what is no start or end of a container: the end of a process that was started by exec. */
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
