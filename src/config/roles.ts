import { isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from 'yaml';
import { clientNameProblem, ROLES, type Role, type RoleAssignments } from '../rpc/access/role.js';
import { resolveSystemName } from './system-names.js';

/** Reports a problem of the file at an offset of its text. */
export type ReportProblem = (field: string, offset: number, description: string) => void;

const FORM = `must be a mapping of ${ROLES.join(', ')} to lists of clients`;

/** Reads the setting `roles`; invalid parts are reported and left out. */
export function readRoles(
  node: unknown,
  keyOffset: number,
  report: ReportProblem,
  readFile: (path: string) => string,
): RoleAssignments {
  const roles: Record<Role, string[]> = { viewer: [], operator: [], admin: [] };
  if (!isMap(node)) {
    report('roles', keyOffset, FORM);
    return roles;
  }
  for (const { key, value } of (node as YAMLMap<Node, Node | null>).items) {
    const role = isScalar(key) ? String(key.value) : '';
    const offset = offsetOf(key, keyOffset);
    if (!isRole(role)) report(`roles.${role}`, offset, `is not a role; ${FORM}`);
    else if (!isSeq(value)) report(`roles.${role}`, offset, 'must be a list of clients');
    else for (const [index, item] of value.items.entries()) readClient(item, index, role);
  }
  return roles;

  function readClient(item: unknown, index: number, role: Role): void {
    const field = `roles.${role}[${index}]`;
    const name: unknown = isScalar(item) ? (item as Scalar).value : undefined;
    try {
      if (typeof name !== 'string') throw new Error('must be a text');
      const client = resolveSystemName(name, readFile);
      const problem = clientNameProblem(client);
      if (problem !== undefined) throw new Error(problem);
      roles[role].push(client);
    } catch (error) {
      report(field, offsetOf(item as Node, keyOffset), (error as Error).message);
    }
  }
}

function offsetOf(node: Node | null, otherwise: number): number {
  return node?.range?.[0] ?? otherwise;
}

function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}
