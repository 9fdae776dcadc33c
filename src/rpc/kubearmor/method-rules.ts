import type { LogServiceService } from '../../generated/kubearmor/feeder.js';
import type { PolicyServiceService, ProbeServiceService } from '../../generated/kubearmor/policy.js';
import { ADMIN_WRITE, READ, READ_BY_ANYONE, type RulesOf } from '../access/method-rule.js';

/** Who may call what. Beside the services, which are loaded only where KubeArmor's clients are served. */
export const KUBEARMOR_RULES: RulesOf<LogServiceService> &
  RulesOf<PolicyServiceService> &
  RulesOf<ProbeServiceService> = {
  '/feeder.LogService/HealthCheck': READ_BY_ANYONE,
  '/feeder.LogService/WatchMessages': READ,
  '/feeder.LogService/WatchAlerts': READ,
  '/feeder.LogService/WatchLogs': READ,
  '/policy.PolicyService/containerPolicy': ADMIN_WRITE,
  '/policy.PolicyService/hostPolicy': ADMIN_WRITE,
  '/policy.PolicyService/networkPolicy': ADMIN_WRITE,
  '/policy.ProbeService/getProbeData': READ,
};
