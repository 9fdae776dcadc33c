import { status } from '@grpc/grpc-js';
import { ruleOf, UNKNOWN_METHOD } from '../method-rules.js';
import type { AuditLog } from './audit.js';
import { codeName, type RefusalReason, type RpcObserver } from './observer.js';
import type { Peer } from './peer.js';
import { touchedNames } from './touched-names.js';

/** The outcome of one call, for the metrics and the audit log. */
export class CallRecord {
  readonly #isWrite: boolean;
  readonly #began = performance.now();
  #request: unknown;
  #response: unknown;
  #code: status | undefined;
  #refusal: RefusalReason | undefined;
  #hasHandlerEnded = false;
  #hasEnded = false;

  constructor(
    private readonly peer: Peer,
    private readonly method: string,
    private readonly audit: AuditLog,
    private readonly observer: RpcObserver,
    private readonly kind: { readonly isStream: boolean; readonly isUnknown: boolean },
  ) {
    this.#isWrite = ruleOf(method).isWrite === true && !kind.isUnknown;
  }

  refused(reason: RefusalReason): void {
    this.#refusal = reason;
  }

  requestReceived(request: unknown): void {
    if (this.#isWrite) this.#request = request;
  }

  /** A status is on its way to the client, whoever sends it. */
  statusSent(code: status): void {
    this.#code ??= code;
    // Nothing else can be exhausted within grpc-js before the handler has anything.
    const isLibrarys = this.#refusal === undefined && !this.#hasHandlerEnded;
    if (isLibrarys && code === status.RESOURCE_EXHAUSTED) this.#refusal = 'message_size';
  }

  /** The handler has an answer, though perhaps no longer a caller. */
  handlerSent(response: unknown): void {
    if (!this.#isWrite) return;
    this.#response = response;
    if (this.#isLate) this.#wrote(status.OK, true);
  }

  handlerEnded(code: status): void {
    this.#hasHandlerEnded = true;
    if (this.#isWrite && this.#isLate && this.#response === undefined) this.#wrote(code, true);
  }

  /** The call is over; a client that left has received no status. */
  ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const code = this.#code ?? status.CANCELLED;
    const counted = this.kind.isUnknown ? UNKNOWN_METHOD : this.method;
    const seconds = (performance.now() - this.#began) / 1000;
    this.observer.requestEnded(counted, codeName(code), this.kind.isStream ? undefined : seconds);
    if (this.#refusal !== undefined) {
      this.observer.refused(this.#refusal);
      this.audit.refusedCall(this.peer, this.method, this.#refusal, codeName(code));
    }
    // A client that did not take the answer has made its change all the same.
    if (this.#isWrite && (this.#refusal === undefined || this.#response !== undefined)) this.#wrote(code, false);
  }

  /** Whether the caller has had its status, or has gone, before the handler's. */
  get #isLate(): boolean {
    return this.#hasEnded || this.#code !== undefined;
  }

  #wrote(code: status, afterCallEnded: boolean): void {
    this.audit.wrote(this.peer, {
      method: this.method,
      names: touchedNames(this.#request, this.#response),
      code: codeName(code),
      durationMilliseconds: Math.round(performance.now() - this.#began),
      ...(afterCallEnded && { afterCallEnded }),
    });
  }
}
