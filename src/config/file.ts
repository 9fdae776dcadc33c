import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { invalidInput, type Problem } from '../failure.js';
import { suggest } from '../policy/suggestion.js';
import { NO_ASSIGNMENTS } from '../rpc/access/role.js';
import { FLAGS, NOT_IN_FILE, ROLES_SETTING } from './flags.js';
import { readRoles } from './roles.js';

/** Reads the settings of a configuration file by their names. @throws Failure with line and column of each problem */
export function readConfigFile(path: string, readFile: (path: string) => string): Record<string, unknown> {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    throw invalidInput([{ field: '--config', description: (error as Error).message }]);
  }
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter });
  const problems: Problem[] = [];
  let roles = NO_ASSIGNMENTS;
  const at = (field: string, offset: number, description: string) => {
    const { line, col } = counter.linePos(offset);
    problems.push({ field, description, line, column: col });
  };
  for (const { message, pos } of document.errors) at(path, pos[0], message.split('\n')[0]!);
  if (document.errors.length === 0 && document.contents !== null) {
    if (!isMap(document.contents)) at(path, 0, 'must be a mapping of flag names to values');
    else {
      for (const { key, value } of document.contents.items) {
        const name = isScalar(key) ? String(key.value) : '';
        const offset = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
        if (name === ROLES_SETTING) roles = readRoles(value, offset, at, readFile);
        else if (!Object.hasOwn(FLAGS, name) || NOT_IN_FILE.includes(name))
          at(name || path, offset, `is not a setting${hintFor(name)}`);
        else if (!isScalar(value)) at(name, offset, 'must have one value');
      }
    }
  }
  if (problems.length > 0) throw invalidInput(problems);
  return Object.fromEntries(
    Object.entries((document.toJS() ?? {}) as Record<string, unknown>).map(([name, value]) => [
      name,
      name === ROLES_SETTING ? roles : typeof value === 'boolean' ? value : String(value),
    ]),
  );
}

function hintFor(name: string): string {
  const settings = [ROLES_SETTING, ...Object.keys(FLAGS).filter((each) => !NOT_IN_FILE.includes(each))];
  const near = suggest(name, settings);
  return near === undefined ? '' : `, did you mean ${near}?`;
}
