import { Command, CommanderError, Option } from 'commander';
import { type Failure, invalidInput } from '../failure.js';
import { suggest } from '../policy/suggestion.js';
import { FLAGS, variableOf } from './flags.js';

const HELP_WIDTH = 100;

/** hauberkd's command line for commander, which reads it and writes the help. */
function makeCommand(): Command {
  const command = new Command('hauberkd')
    .usage('[FLAG…]')
    .description('Enforces security policies on containers with BPF LSM.')
    .configureHelp({ helpWidth: HELP_WIDTH, optionDescription: ({ long }) => described(long!.slice('--'.length)) })
    .configureOutput({ outputError: () => undefined })
    .addHelpText(
      'after',
      `
Whatever has a name in brackets may also be given by that environment variable, a flag without a
value by true or false. Flags win over variables, and variables over the file of --config.

Examples:
  # whether this kernel can enforce policies, or what is missing; changes nothing
  hauberkd --check
  # with the settings of a file
  hauberkd --config /etc/hauberk/hauberkd.yaml
  # for clients of other hosts, with certificates, in place of the Unix socket
  hauberkd --listen 0.0.0.0:8443 --tls-certificate tls.crt --tls-key tls.key --tls-client-ca ca.crt`,
    )
    .helpOption(false)
    .showSuggestionAfterError(false)
    .allowExcessArguments()
    .exitOverride();
  for (const [name, { value }] of Object.entries(FLAGS)) {
    command.addOption(new Option(`--${name}${value === undefined ? '' : ` <${value}>`}`));
  }
  return command;
}

function described(name: string): string {
  const { help, default: standard } = FLAGS[name]!;
  const variable = variableOf(name);
  return [
    help,
    ...(standard === undefined || standard === '' ? [] : [`(default ${standard})`]),
    ...(variable === undefined ? [] : [`[${variable}]`]),
  ].join(' ');
}

/** What --help prints. */
export function helpText(): string {
  let text = '';
  makeCommand()
    .configureOutput({ writeOut: (part) => (text += part) })
    .outputHelp();
  return text;
}

/**
 * Reads a command line: the values of the flags that it gives, by their names, true for those without a value.
 *
 * @throws Failure invalid-argument, with the flag that may have been meant
 */
export function readFlags(parameters: readonly string[]): Readonly<Record<string, string | boolean>> {
  const command = makeCommand();
  try {
    command.parse([...parameters], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw refusal(error.message.replace(/^error: /u, ''));
  }
  const [unexpected] = command.args;
  if (unexpected !== undefined) throw refusal(`unexpected argument '${unexpected}'`);
  const values: Record<string, string | boolean> = {};
  for (const option of command.options) {
    const value = command.getOptionValue(option.attributeName()) as string | true | undefined;
    if (typeof value === 'string' && value.startsWith('--')) throw refusal(`${option.long} has no value`);
    if (value !== undefined) values[option.long!.slice('--'.length)] = value;
  }
  return values;
}

function refusal(reason: string): Failure {
  // Commander's own suggestion takes a value behind `=` for a part of the name.
  const unknown = /^unknown option '--([^='\s]+)/u.exec(reason)?.[1];
  const near = unknown === undefined ? undefined : suggest(unknown, Object.keys(FLAGS));
  const hint = near === undefined ? '; see --help' : `, did you mean --${near}?`;
  return invalidInput([{ field: 'flags', description: reason + hint }]);
}
