import type { Argument, Command, HelpConfiguration, Option } from 'commander';

/** Command lines, each with what it does. */
export type Examples = readonly (readonly [line: string, what: string])[];

/** Adds examples below the help of a command. */
export function withExamples(command: Command, examples: Examples): Command {
  const lines = examples.map(([line, what]) => `  # ${what}\n  ${line}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** Describes a flag or an argument: without an empty default, and without JSON's quotes. */
export const HELP_CONFIGURATION: HelpConfiguration = {
  // The longest of them with its arguments would leave no room for descriptions.
  subcommandTerm: (command: Command) => command.name(),
  optionDescription: (option: Option) => described(option, option.argChoices, option.defaultValue, option.envVar),
  argumentDescription: (argument: Argument) => described(argument, argument.argChoices, argument.defaultValue),
};

function described(
  { description }: { readonly description: string },
  choices: readonly string[] | undefined,
  standard: unknown,
  variable?: string,
): string {
  const isNamed = choices?.every((choice) => description.includes(choice)) ?? true;
  const notes = [
    ...(isNamed ? [] : [`one of ${choices!.join(', ')}`]),
    ...(isWorthShowing(standard) ? [`default ${standard}`] : []),
    ...(variable === undefined ? [] : [variable]),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`;
}

function isWorthShowing(standard: unknown): boolean {
  return (typeof standard === 'string' && standard !== '') || typeof standard === 'number';
}
