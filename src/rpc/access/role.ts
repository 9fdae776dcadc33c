/** What a client may do, each role including those before it: read and stream, register containers, everything. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Clients by role, named as the configuration file does: `spiffe://…`, `cn:NAME`, `uid:NUMBER` or `gid:NUMBER`. */
export type RoleAssignments = Readonly<Record<Role, readonly string[]>>;

export const NO_ASSIGNMENTS: RoleAssignments = { viewer: [], operator: [], admin: [] };

/** Whether a role includes another one. */
export function includesRole(held: Role, needed: Role): boolean {
  return ROLES.indexOf(held) >= ROLES.indexOf(needed);
}

/** The highest role that any of a client's names has been given. */
export function roleOf(names: readonly string[], assignments: RoleAssignments): Role | undefined {
  return ROLES.findLast((role) => assignments[role].some((entry) => names.includes(entry)));
}

/** Whether anyone but root has been given a role on the Unix socket. */
export function assignsUnixUsers(assignments: RoleAssignments): boolean {
  return ROLES.some((role) => assignments[role].some((entry) => /^[ug]id:/u.test(entry)));
}

// As the SPIFFE standard has it: a lower-case trust domain, then path segments that are neither empty nor dots alone.
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[a-zA-Z0-9._-]+)+$/u;
const USER_OR_GROUP = /^[ug]id:(?:0|[1-9]\d{0,9})$/u;

/** What is wrong with the name of a client, if anything is. */
export function clientNameProblem(name: string): string | undefined {
  if (name.startsWith('spiffe://')) {
    return SPIFFE_ID.test(name) && name.length <= 2048 ? undefined : `${name} is not a SPIFFE id`;
  }
  if (name.startsWith('cn:')) return name === 'cn:' ? 'cn: must be followed by a common name' : undefined;
  if (/^[ug]id:/u.test(name)) {
    return USER_OR_GROUP.test(name) ? undefined : `${name} must have a decimal number after the colon`;
  }
  return `${JSON.stringify(name)} must begin with spiffe://, cn:, user:, group:, uid: or gid:`;
}
