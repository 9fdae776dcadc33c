/** The API's messages and errors, without loading gRPC. */

export * from '../generated/hauberk/v1/container.js';
export { type Event, type Position, Result, type SequenceRange } from '../generated/hauberk/v1/event.js';
export {
  type GetStatusResponse,
  type MissingHook,
  MissingHookCause,
  type SourceStatus,
  type UncoveredOperation,
  WhenUnanswered,
} from '../generated/hauberk/v1/host.js';
export {
  AccessClass,
  Action,
  type DecisionChange,
  type DiffResponse,
  Direction,
  type ExplainedRule,
  type ExplainResponse,
  type GetPolicyResponse,
  type Holder,
  Holder_Kind,
  type Holders,
  Mode,
  type NamespacePosture,
  type PathMatch,
  type Policy,
  type PolicyChange,
  PolicyChange_Kind,
  PolicyOrigin,
  type Posture,
  type Rule,
  Scope,
} from '../generated/hauberk/v1/policy.js';
export type {
  GetProfileResponse,
  ObservedAccess,
  Profile,
  ProfileSelector,
  RuleEvidence,
  SuggestPolicyResponse,
} from '../generated/hauberk/v1/profile.js';
export type { BackupResponse, RestoreRequest, RestoreResponse } from '../generated/hauberk/v1/state.js';
export type { GetVisibilityResponse, Visibility } from '../generated/hauberk/v1/telemetry.js';
export type { HauberkClient, UnaryCalls } from './client.js';
export { type ConnectOptions, DEFAULT_ADDRESS, type TlsFiles } from './connection.js';
export { HauberkError, type StatusName, type Violation } from './error.js';
export type { EventFilter, EventStreamOptions, ReceivedEvents } from './event-stream.js';
