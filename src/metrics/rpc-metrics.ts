import { Counter, type Registry } from 'prom-client';
import { REFUSAL_REASONS } from '../rpc/access/observer.js';

/** What Hauberk tells Prometheus of its API. */
export class RpcMetrics {
  readonly #requests: Counter;
  readonly #refused: Counter;
  readonly #certificateReloads: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'hauberk_rpc_requests_total',
      help: 'Calls that have ended, by the status code of their end.',
      labelNames: ['method', 'code'],
      registers,
    });
    this.#refused = new Counter({
      name: 'hauberk_rpc_refused_total',
      help: 'Connections and calls turned away, by reason.',
      labelNames: ['reason'],
      registers,
    });
    this.#certificateReloads = new Counter({
      name: 'hauberk_certificate_reloads_total',
      help: 'Times the certificate files changed: ok when they are in use now, failed when the old ones stayed.',
      labelNames: ['result'],
      registers,
    });
    // From zero on, so that the first is an increase.
    for (const reason of REFUSAL_REASONS) this.#refused.inc({ reason }, 0);
    for (const result of ['ok', 'failed']) this.#certificateReloads.inc({ result }, 0);
  }

  requestEnded(method: string, code: string): void {
    this.#requests.inc({ method, code });
  }

  refused(reason: string): void {
    this.#refused.inc({ reason });
  }

  certificatesReloaded(result: 'ok' | 'failed'): void {
    this.#certificateReloads.inc({ result });
  }
}
