import { status } from '@grpc/grpc-js';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type CertificateEnds, REFUSAL_REASONS, type RpcObserver } from '../rpc/access/observer.js';
import { METHOD_RULES, UNKNOWN_METHOD } from '../rpc/method-rules.js';

const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const DAY_MILLISECONDS = 24 * 60 * 60 * 1000;
/** Statuses that no call of the API ends with: there is no login, and nothing that could be out of range or lost. */
const NEVER_SENT: readonly string[] = ['UNAUTHENTICATED', 'OUT_OF_RANGE', 'DATA_LOSS'];

/** The metrics of Hauberk's API. */
export class RpcMetrics implements RpcObserver {
  readonly #requests: Counter;
  readonly #durations: Histogram;
  readonly #refused: Counter;
  readonly #certificateReloads: Counter;
  #certificateEnds: CertificateEnds | undefined;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'hauberk_rpc_requests_total',
      help: 'Completed calls, by status code.',
      labelNames: ['method', 'code'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'hauberk_rpc_duration_seconds',
      help: 'Time from a call until its client has the whole answer; streams are not included.',
      labelNames: ['method'],
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.#refused = new Counter({
      name: 'hauberk_rpc_refused_total',
      help: 'Connections and calls rejected, by reason.',
      labelNames: ['reason'],
      registers,
    });
    this.#certificateReloads = new Counter({
      name: 'hauberk_certificate_reloads_total',
      help: 'Times the certificate files changed: ok when they are in use now, failed when the old ones stayed.',
      labelNames: ['result'],
      registers,
    });
    this.#addCertificateDays(registry);
    // From zero on, so that the first is an increase.
    for (const reason of REFUSAL_REASONS) this.#refused.inc({ reason }, 0);
    for (const result of ['ok', 'failed']) this.#certificateReloads.inc({ result }, 0);
    const codes = Object.keys(status).filter((name) => /^[A-Z]/u.test(name) && !NEVER_SENT.includes(name));
    for (const method of [...Object.keys(METHOD_RULES), UNKNOWN_METHOD]) {
      for (const code of codes) this.#requests.inc({ method, code }, 0);
    }
  }

  requestEnded(method: string, code: string, seconds?: number): void {
    this.#requests.inc({ method, code });
    if (seconds !== undefined) this.#durations.observe({ method }, seconds);
  }

  refused(reason: string): void {
    this.#refused.inc({ reason });
  }

  certificatesReloaded(result: 'ok' | 'failed'): void {
    this.#certificateReloads.inc({ result });
  }

  certificatesInUse(ends: CertificateEnds): void {
    this.#certificateEnds = ends;
  }

  #addCertificateDays(registry: Registry): void {
    const endsNow = () => this.#certificateEnds;
    new Gauge({
      name: 'hauberk_certificate_days_left',
      help: 'Days until the server certificate, or the last authority of clients, ends.',
      labelNames: ['certificate'],
      registers: [registry],
      collect() {
        const ends = endsNow();
        if (ends === undefined) return;
        this.set({ certificate: 'server' }, (ends.server - Date.now()) / DAY_MILLISECONDS);
        this.set({ certificate: 'client_ca' }, (ends.clientCa - Date.now()) / DAY_MILLISECONDS);
      },
    });
  }
}
