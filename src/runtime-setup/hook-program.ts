import { readFileSync } from 'node:fs';
import { builtFile } from '../built-files.js';
import { Failure } from '../failure.js';
import { type FileChange, fileChange } from './change.js';
import type { Host } from './host.js';
import type { SetupOptions } from './setup.js';

export type WhenUnanswered = 'refuse' | 'allow';

/** Where the build leaves the program. */
export const BUILT_HOOK = builtFile('hook/hauberk-hook');
/** Every setting with its default, copied there by the build. */
const SHIPPED_CONFIGURATION = builtFile('hook/hook.conf');
export const HOOK_DIRECTORY = '/usr/local/libexec/hauberk';
export const HOOK_CONFIGURATION = '/etc/hauberk/hook.conf';

/** The program as an OCI hook, and, under its other name, as Docker's runtime. */
export type ProgramName = 'hauberk-hook' | 'hauberk-runtime';

/** Of Kubernetes, or the beginning of some, followed by an asterisk. */
const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,62})\*?$/u;
const EXEMPT_NAMESPACE = /^[ \t]*exempt_namespace[ \t]*=[ \t]*(.*?)[ \t\r]*$/gmu;
const WHEN_UNANSWERED = /^([ \t]*when_unanswered[ \t]*=[ \t]*)(.*?)(?=[ \t\r]*$)/mu;

export function programPath(directory: string, name: ProgramName): string {
  return `${directory}/${name}`;
}

/** Puts the program and its configuration in their places. */
export function hookProgramChanges(host: Host, name: ProgramName, options: SetupOptions): FileChange[] {
  const { hookDirectory: directory } = options;
  // Some runtimes pass the path through a shell, and split it at blanks.
  if (!/^(\/[\w.@+-]+)+$/u.test(directory))
    throw new Failure('invalid-argument', `${directory}: the hook's directory is an absolute path of plain characters`);
  // A line that the hook cannot read would make it refuse every start.
  const wrong = options.exemptNamespaces?.find((each) => !NAMESPACE.test(each));
  if (wrong !== undefined) throw new Failure('invalid-argument', `${JSON.stringify(wrong)} is not a namespace's name`);
  const program = { mode: 0o755, isProgram: true };
  return [
    fileChange(host, programPath(directory, name), readProgram(options.hookSource), program),
    fileChange(host, HOOK_CONFIGURATION, configured(host.readText(HOOK_CONFIGURATION), options)),
  ].filter((change) => change !== undefined);
}

function readProgram(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Failure('failed-precondition', `the hook's program cannot be read: ${(error as Error).message}`);
  }
}

/** What the hook does if hauberkd does not answer, from its configuration. */
export function readWhenUnanswered(host: Host): WhenUnanswered | undefined {
  const text = host.readText(HOOK_CONFIGURATION);
  if (text === undefined) return undefined;
  return WHEN_UNANSWERED.exec(text)?.[2] === 'allow' ? 'allow' : 'refuse';
}

function configured(
  text: string | undefined,
  { whenUnanswered, exemptNamespaces = [] }: Pick<SetupOptions, 'whenUnanswered' | 'exemptNamespaces'>,
): string {
  const before = text ?? readFileSync(SHIPPED_CONFIGURATION, 'utf8');
  const exempt = new Set(Array.from(before.matchAll(EXEMPT_NAMESPACE), ([, namespace]) => namespace));
  return exemptNamespaces
    .filter((each) => !exempt.has(each))
    .reduce((text, each) => withLine(text, `exempt_namespace = ${each}`), withChoice(before, whenUnanswered));
}

function withChoice(text: string, whenUnanswered: WhenUnanswered | undefined): string {
  if (whenUnanswered === undefined) return text;
  if (WHEN_UNANSWERED.test(text)) return text.replace(WHEN_UNANSWERED, `$1${whenUnanswered}`);
  return withLine(text, `when_unanswered = ${whenUnanswered}`);
}

function withLine(text: string, line: string): string {
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`;
}
