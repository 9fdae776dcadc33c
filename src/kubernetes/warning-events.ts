import { createHash } from 'node:crypto';
import type { UnknownSetting } from './annotations.js';
import { type ApiClient, ApiError, type KubernetesObject } from './api-client.js';
import type { NewCondition } from './conditions.js';
import type { ReadObject } from './policy-objects.js';

/** Longer ones are refused by Kubernetes. */
const MESSAGE_BYTES_MAX = 1024;
const NAME_CHARACTERS_MAX = 230;

interface Warning {
  readonly reason: string;
  readonly message: string;
  /** Reported once, as long as this stays the same. */
  readonly key: string;
}

/**
 * Reports problems of policies as Events of Kubernetes, each once: the name of an Event is derived from its content, so
 * that the next reporter finds it.
 */
export class WarningEvents {
  readonly #reported = new Map<string, string>();

  constructor(
    readonly client: Pick<ApiClient, 'create'>,
    /** The component that reports. */
    readonly node: string,
  ) {}

  /** Forgets what was reported. */
  clear(): void {
    this.#reported.clear();
  }

  /** Forgets what was reported about what is gone, by the uids of those that are there. */
  keep(uids: ReadonlySet<string>): void {
    for (const place of this.#reported.keys())
      if (!uids.has(place.slice(place.indexOf(' ') + 1))) this.#reported.delete(place);
  }

  /** @throws ApiError, or the system's error */
  async report(
    { kind, object }: Pick<ReadObject, 'kind' | 'object'>,
    conditions: readonly NewCondition[],
  ): Promise<void> {
    for (const condition of conditions) await this.#report(kind, object, condition.type, eventOf(condition));
  }

  /** What a namespace, or the settings, say and is not followed. @throws like tell */
  async reportSetting({ object, message }: UnknownSetting): Promise<void> {
    const kind = { apiVersion: object.apiVersion ?? 'v1', kind: object.kind ?? '' };
    await this.#report(kind, object, 'Settings', { reason: 'NotFollowed', message, key: message });
  }

  async #report(
    { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
    { metadata }: KubernetesObject,
    about: string,
    reported: Warning | undefined,
  ): Promise<void> {
    const { uid = '', name, namespace, resourceVersion } = metadata;
    const place = `${about} ${uid}`;
    if (reported === undefined) this.#reported.delete(place);
    if (reported === undefined || this.#reported.get(place) === reported.key) return;
    const hash = createHash('sha256').update(`${place} ${reported.key}`).digest('hex').slice(0, 16);
    const now = new Date().toISOString().replace(/\.\d+Z$/u, 'Z');
    // Events of what is in no namespace are in this one.
    const within = namespace ?? 'default';
    try {
      await this.client.create(`/api/v1/namespaces/${encodeURIComponent(within)}/events`, {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: `${name.slice(0, NAME_CHARACTERS_MAX).replace(/[.-]+$/u, '')}.${hash}`, namespace: within },
        involvedObject: { apiVersion, kind, name, ...(namespace && { namespace }), uid, resourceVersion },
        type: 'Warning',
        reason: reported.reason,
        message: short(reported.message),
        source: { component: 'hauberkd', host: this.node },
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
      });
    } catch (error) {
      // It exists already, or its namespace is being deleted.
      if (!(error instanceof ApiError) || ![409, 404, 403].includes(error.code)) throw error;
      if (error.code === 403 && !/being terminated/u.test(error.message)) throw error;
    }
    this.#reported.set(place, reported.key);
  }
}

/** Undefined if nothing is wrong. The number of containers changes all the time, and is reported in the status. */
function eventOf({ type, status, reason, message }: NewCondition): Warning | undefined {
  if (type === 'Accepted' && status === 'True') {
    return message === '' ? undefined : { reason: 'Warned', message, key: message };
  }
  // That it is not accepted has been reported.
  if (status === 'True' || reason === 'NotAccepted') return undefined;
  return { reason, message, key: type === 'Accepted' ? `${reason} ${message}` : reason };
}

function short(text: string): string {
  if (Buffer.byteLength(text) <= MESSAGE_BYTES_MAX) return text;
  // A character that is cut in the middle becomes one of three bytes.
  return `${Buffer.from(text)
    .subarray(0, MESSAGE_BYTES_MAX - 6)
    .toString('utf8')}…`;
}
