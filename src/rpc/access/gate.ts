import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerMethodDefinition,
  status,
} from '@grpc/grpc-js';
import { runForCaller } from '../caller.js';
import { ruleOf } from '../method-rules.js';
import type { AuditLog } from './audit.js';
import { CallRecord } from './call-record.js';
import type { Limits } from './limits.js';
import type { RpcObserver } from './observer.js';
import type { Peer } from './peer.js';
import { RateLimit } from './rate-limit.js';
import { type Refusal, rateRefusal, roleRefusal, streamRefusal, unknownMethodRefusal } from './refusal.js';
import { StreamLimit } from './stream-limit.js';
import { isUnknown } from './unknown-methods.js';
import { UnreadAnswers } from './unread-answers.js';

type Method = ServerMethodDefinition<unknown, unknown>;

/**
 * Stands before every method of every service: decides by role and limits who comes in, ends what takes too long,
 * counts, and keeps the audit log.
 */
export class Gate {
  readonly #rates: RateLimit;
  readonly #streams: StreamLimit;
  readonly #unread: UnreadAnswers;

  constructor(
    private readonly limits: Limits,
    private readonly audit: AuditLog,
    private readonly observer: RpcObserver,
  ) {
    this.#rates = new RateLimit(limits.requestsPerSecond);
    this.#streams = new StreamLimit(limits.streamsPerClient);
    this.#unread = new UnreadAnswers(limits.unreadBytes, limits.readTimeoutSeconds);
  }

  /**
   * For the calls of one connection; to be the one next to the server, so that it sees every status.
   *
   * @param connection stands for it
   */
  interceptorFor(peer: Peer, connection: object): ServerInterceptor {
    return (method, call) => this.#guard(peer, connection, method, call);
  }

  #guard(
    peer: Peer,
    connection: object,
    method: Method,
    call: ServerInterceptingCallInterface,
  ): ServerInterceptingCall {
    const isStream = method.requestStream || method.responseStream;
    const kind = { isStream, isUnknown: isUnknown(method) };
    const record = new CallRecord(peer, method.path, this.audit, this.observer, kind);
    let timer: NodeJS.Timeout | undefined;
    let hasPlace = false;
    let stopWaiting = () => {};
    const ended = new AbortController();
    const caller = { identity: peer.identity, process: peer.process, disconnected: ended.signal };

    // grpc-js ends some calls by itself, past every interceptor but through this method: a request that is too large,
    // a deadline of the client's. Like the order of interceptors that is not part of its public interface;
    // test/unit/rpc/library-internals.test.ts pins it.
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (sent) => {
      record.statusSent(sent.code ?? status.UNKNOWN);
      sendStatus(sent);
    };
    if (!isStream) this.#countUnread(peer, connection, method, call, record);

    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          // The call may have been reset before this, and then its end would not be noticed.
          onReceiveMetadata: (metadata, proceed) => {
            const refusal = this.#refusalOf(peer, method);
            if (refusal !== undefined) {
              record.refused(refusal.reason);
              call.sendStatus(refusal.status);
              return;
            }
            hasPlace = isStream;
            if (!method.requestStream) timer = this.#limitTime(method, call);
            proceed(metadata);
          },
          onReceiveMessage: (message, proceed) => {
            record.requestReceived(message);
            proceed(message);
          },
          onReceiveHalfClose: (proceed) => {
            // A stream has no time limit once its request has come.
            if (isStream) clearTimeout(timer);
            const handle = () => runForCaller(caller, proceed);
            if (isStream) handle();
            else stopWaiting = this.#unread.admit(peer.identity, connection, handle);
          },
          // grpc-js reports every end of a call as a cancellation to the listener.
          onCancel: () => {
            clearTimeout(timer);
            stopWaiting();
            if (hasPlace) this.#streams.close(peer.identity);
            ended.abort();
            record.ended();
          },
        }),
      sendMessage: (message, next) => {
        record.handlerSent(message);
        next(message);
      },
      sendStatus: (sent, next) => {
        record.handlerEnded(sent.code ?? status.UNKNOWN);
        next(sent);
      },
    });
  }

  #refusalOf(peer: Peer, method: Method): Refusal | undefined {
    const wait = this.#rates.take(peer.identity);
    if (wait !== undefined) return rateRefusal(peer, this.limits.requestsPerSecond, wait);
    // A client without a role does not learn which methods exist.
    if (isUnknown(method) && peer.role !== undefined) return unknownMethodRefusal(method.path);
    const refusal = roleRefusal(peer, method.path, ruleOf(method.path).needs);
    if (refusal !== undefined) return refusal;
    const isStream = method.requestStream || method.responseStream;
    if (isStream && !this.#streams.open(peer.identity)) return streamRefusal(peer, this.#streams.maximum);
    return undefined;
  }

  /** Streams have a queue of their own, and are bounded in number. */
  #countUnread(
    { identity }: Peer,
    connection: object,
    { responseSerialize }: Method,
    call: ServerInterceptingCallInterface,
    record: CallRecord,
  ): void {
    const sendMessage = call.sendMessage.bind(call);
    call.sendMessage = (message, callback) => {
      const bytes = responseSerialize(message);
      const onTimeout = () => record.refused('unread');
      const taken = this.#unread.sent(identity, connection, call, bytes.length, onTimeout);
      sendMessage(bytes, () => {
        taken();
        callback();
      });
    };
  }

  #limitTime({ path }: Method, call: ServerInterceptingCallInterface): NodeJS.Timeout {
    const seconds = this.limits.callTimeoutSeconds;
    return setTimeout(() => {
      call.sendStatus({ code: status.DEADLINE_EXCEEDED, details: `${path} took longer than ${seconds} s` });
    }, seconds * 1000);
  }
}
