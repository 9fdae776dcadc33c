import type { Role } from './role.js';

/** `anyone` is every client that could connect, also one without a role. */
export type NeededRole = Role | 'anyone';

export interface MethodRule {
  readonly needs: NeededRole;
  /** Whether every call of it stands in the audit log. */
  readonly isWrite?: true;
}

/** Who may call each method of a service, by full method path: without a rule for each it does not compile. */
export type RulesOf<Definition extends Readonly<Record<string, { readonly path: string }>>> = {
  readonly [Path in Definition[keyof Definition]['path']]: MethodRule;
};

export const READ: MethodRule = { needs: 'viewer' };
export const READ_BY_ANYONE: MethodRule = { needs: 'anyone' };
/** Of containers, and of what refuses nothing: profiles and telemetry. */
export const OPERATOR_WRITE: MethodRule = { needs: 'operator', isWrite: true };
export const ADMIN_WRITE: MethodRule = { needs: 'admin', isWrite: true };
