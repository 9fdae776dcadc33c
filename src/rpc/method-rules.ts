import { ADMIN_WRITE, type MethodRule } from './access/method-rule.js';
import { CONTAINER_RULES } from './container-service.js';
import { EVENT_RULES } from './event-service.js';
import { HEALTH_RULES } from './health.js';
import { HOST_RULES } from './host-service.js';
import { KUBEARMOR_RULES } from './kubearmor/method-rules.js';
import { POLICY_RULES } from './policy-service.js';
import { PROFILE_RULES } from './profile-service.js';
import { REFLECTION_RULES } from './reflection.js';
import { STATE_RULES } from './state-service.js';
import { TELEMETRY_RULES } from './telemetry-service.js';

const RULES = {
  ...POLICY_RULES,
  ...STATE_RULES,
  ...PROFILE_RULES,
  ...CONTAINER_RULES,
  ...EVENT_RULES,
  ...TELEMETRY_RULES,
  ...HOST_RULES,
  ...KUBEARMOR_RULES,
  ...HEALTH_RULES,
  ...REFLECTION_RULES,
};

/** The full path of a method that has a rule; an `RpcService` cannot be made of others. */
export type RuledMethod = keyof typeof RULES;

/** Who may call what, by full method path, as the services have it. */
export const METHOD_RULES: Readonly<Record<string, MethodRule>> = RULES;

/** Stands for all unknown methods: clients could invent any number of names. */
export const UNKNOWN_METHOD = 'unknown';

/** What no service has is for administrators only, and audited. */
export function ruleOf(method: string): MethodRule {
  return Object.hasOwn(METHOD_RULES, method) ? METHOD_RULES[method]! : ADMIN_WRITE;
}
