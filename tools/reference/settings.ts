import { FLAGS, NOT_IN_FILE } from '../../src/config/flags.js';
import { METHOD_RULES } from '../../src/rpc/method-rules.js';
import { code, table } from './sections.js';

/** Every flag of hauberkd. */
export function flagTable(): string {
  const rows = Object.entries(FLAGS).map(([name, { value, default: standard, range, help }]) => [
    code(`--${name}${value === undefined ? '' : ` ${value}`}`),
    standard === undefined || standard === '' ? '' : code(standard),
    help + (range === undefined ? '' : ` (${range[0]} to ${range[1]})`),
    NOT_IN_FILE.includes(name) ? 'no' : 'yes',
  ]);
  return table(['flag', 'default', 'meaning', 'in the file'], rows);
}

/** Which role each call needs. */
export function roleTable(): string {
  const rows = Object.entries(METHOD_RULES).map(([method, { needs, isWrite }]) => [
    code(method.slice(1)),
    needs === 'anyone' ? 'none' : code(needs),
    isWrite ? 'yes' : '',
  ]);
  return table(['call', 'least role', 'always in the audit log'], rows);
}
