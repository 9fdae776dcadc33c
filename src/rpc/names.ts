import type { SecurityEvent } from '../events/event.js';
import { Result } from '../generated/hauberk/v1/event.js';
import { AccessClass, Action, Direction, PolicyOrigin, Scope } from '../generated/hauberk/v1/policy.js';
import {
  type Action as ActionName,
  CLIENT_ORIGINS,
  POSTURE_CLASSES,
  type PolicyOrigin as PolicyOriginName,
  type Posture,
  type RuleClass,
  type Scope as ScopeName,
} from '../policy/model.js';
import type { Direction as DirectionName } from '../policy/network.js';

/** The domain's words and the enumerations of the API that stand for them, both ways. */

export const CLASSES: Readonly<Record<RuleClass, AccessClass>> = {
  process: AccessClass.PROCESS,
  file: AccessClass.FILE,
  network: AccessClass.NETWORK,
  capabilities: AccessClass.CAPABILITY,
  filesystems: AccessClass.FILESYSTEM,
  mounts: AccessClass.MOUNT,
  ptrace: AccessClass.PTRACE,
  namespaces: AccessClass.NAMESPACES,
  presets: AccessClass.PRESET,
  syscalls: AccessClass.SYSTEM_CALL,
};
export const ACTIONS: Readonly<Record<ActionName, Action>> = {
  Allow: Action.ALLOW,
  Audit: Action.AUDIT,
  Block: Action.BLOCK,
};
export const POSTURES: Readonly<Record<Posture, Action>> = { audit: Action.AUDIT, block: Action.BLOCK };
export const RESULTS: Readonly<Record<NonNullable<SecurityEvent['result']>, Result>> = {
  denied: Result.DENIED,
  passed: Result.PASSED,
};
export const DIRECTIONS: Readonly<Record<DirectionName, Direction>> = {
  egress: Direction.EGRESS,
  ingress: Direction.INGRESS,
};

export const SCOPES: Readonly<Record<ScopeName, Scope>> = {
  namespace: Scope.NAMESPACE,
  cluster: Scope.CLUSTER,
  host: Scope.HOST,
};

export const POLICY_ORIGINS: Readonly<Record<PolicyOriginName, PolicyOrigin>> = {
  rpc: PolicyOrigin.RPC,
  cli: PolicyOrigin.CLI,
  kubernetes: PolicyOrigin.KUBERNETES,
  'kubernetes-kubearmor': PolicyOrigin.KUBERNETES_KUBEARMOR,
};

export const CLASS_NAMES = inverse(CLASSES);
export const ACTION_NAMES = inverse(ACTIONS);
export const POSTURE_NAMES = inverse(POSTURES);
export const RESULT_NAMES = inverse(RESULTS);
export const DIRECTION_NAMES = inverse(DIRECTIONS);

export const SCOPE_NAMES = inverse(SCOPES);
export const POLICY_ORIGIN_NAMES = inverse(POLICY_ORIGINS);

export const CLASS_CHOICE = choiceOf('ACCESS_CLASS', AccessClass, Object.values(CLASSES));
export const POSTURE_CLASS_CHOICE = choiceOf(
  'ACCESS_CLASS',
  AccessClass,
  POSTURE_CLASSES.map((each) => CLASSES[each]),
);
export const SCOPE_CHOICE = choiceOf('SCOPE', Scope, Object.values(SCOPES));
export const CLIENT_ORIGIN_CHOICE = choiceOf(
  'POLICY_ORIGIN',
  PolicyOrigin,
  CLIENT_ORIGINS.map((origin) => POLICY_ORIGINS[origin]),
);
export const ORIGIN_CHOICE = choiceOf('POLICY_ORIGIN', PolicyOrigin, Object.values(POLICY_ORIGINS));
export const ACTION_CHOICE = choiceOf('ACTION', Action, Object.values(ACTIONS));

/** The values of an enumeration as the API names them, for messages: `A_X, A_Y or A_Z`. */
function choiceOf(prefix: string, names: Readonly<Record<number, string>>, values: readonly number[]): string {
  const full = values.map((value) => `${prefix}_${names[value]}`);
  return `${full.slice(0, -1).join(', ')} or ${full.at(-1)}`;
}

function inverse<Name extends string, Value>(values: Readonly<Record<Name, Value>>): ReadonlyMap<Value, Name> {
  return new Map(Object.entries(values).map(([name, value]) => [value as Value, name as Name]));
}
