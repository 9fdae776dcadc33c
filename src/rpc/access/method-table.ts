import type { Role } from './role.js';

/** `anyone` is every client that could connect, also one without a role. */
export type NeededRole = Role | 'anyone';

export interface MethodRule {
  readonly needs: NeededRole;
  /** Whether every call of it stands in the audit log. */
  readonly isWrite?: true;
}

const read: MethodRule = { needs: 'viewer' };
const health: MethodRule = { needs: 'anyone' };
const containerWrite: MethodRule = { needs: 'operator', isWrite: true };
/** A profile refuses nothing, so it needs no higher role than containers. */
const profileWrite: MethodRule = containerWrite;
const telemetryWrite: MethodRule = containerWrite;
const policyWrite: MethodRule = { needs: 'admin', isWrite: true };

/** Who may call what, by full method path. */
export const METHOD_RULES: Readonly<Record<string, MethodRule>> = {
  '/hauberk.v1.PolicyService/ApplyPolicy': policyWrite,
  '/hauberk.v1.PolicyService/DeletePolicy': policyWrite,
  '/hauberk.v1.PolicyService/SyncPolicies': policyWrite,
  '/hauberk.v1.PolicyService/SetPosture': policyWrite,
  '/hauberk.v1.StateService/Restore': policyWrite,
  '/hauberk.v1.StateService/Backup': read,
  '/hauberk.v1.PolicyService/ValidatePolicy': read,
  '/hauberk.v1.PolicyService/GetPolicy': read,
  '/hauberk.v1.PolicyService/ListPolicies': read,
  '/hauberk.v1.PolicyService/ListPostures': read,
  '/hauberk.v1.PolicyService/Explain': read,
  '/hauberk.v1.PolicyService/Diff': read,
  '/hauberk.v1.ProfileService/StartProfile': profileWrite,
  '/hauberk.v1.ProfileService/StopProfile': profileWrite,
  '/hauberk.v1.ProfileService/DeleteProfile': profileWrite,
  '/hauberk.v1.ProfileService/GetProfile': read,
  '/hauberk.v1.ProfileService/ListProfiles': read,
  '/hauberk.v1.ProfileService/SuggestPolicy': read,
  '/hauberk.v1.ContainerService/RegisterContainer': containerWrite,
  '/hauberk.v1.ContainerService/UnregisterContainer': containerWrite,
  '/hauberk.v1.ContainerService/SyncContainers': containerWrite,
  '/hauberk.v1.ContainerService/ListContainers': read,
  '/hauberk.v1.ContainerService/GetEffectivePolicy': read,
  '/hauberk.v1.EventService/StreamEvents': read,
  '/hauberk.v1.TelemetryService/SetVisibility': telemetryWrite,
  '/hauberk.v1.TelemetryService/GetVisibility': read,
  '/hauberk.v1.HostService/GetStatus': read,
  '/hauberk.v1.HostService/WaitForRevision': read,
  '/feeder.LogService/HealthCheck': health,
  '/feeder.LogService/WatchMessages': read,
  '/feeder.LogService/WatchAlerts': read,
  '/feeder.LogService/WatchLogs': read,
  '/policy.PolicyService/containerPolicy': policyWrite,
  '/policy.PolicyService/hostPolicy': policyWrite,
  '/policy.PolicyService/networkPolicy': policyWrite,
  '/policy.ProbeService/getProbeData': read,
  '/grpc.health.v1.Health/Check': health,
  '/grpc.health.v1.Health/List': health,
  '/grpc.health.v1.Health/Watch': health,
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': read,
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': read,
};

/** Stands for all unknown methods: clients could invent any number of names. */
export const UNKNOWN_METHOD = 'unknown';

/** A method that has been forgotten here is for administrators only, and audited. */
export function ruleOf(method: string): MethodRule {
  return Object.hasOwn(METHOD_RULES, method) ? METHOD_RULES[method]! : policyWrite;
}
