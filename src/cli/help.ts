import type { Argument, Command, HelpConfiguration, Option } from 'commander';

/** Command lines, each with what it does. */
export type Examples = readonly (readonly [line: string, what: string])[];

/** Adds examples below the help of a command. */
export function withExamples(command: Command, examples: Examples): Command {
  const lines = examples.map(([line, what]) => `  # ${what}\n  ${line}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** Says of a flag and an argument what there is to say: no default where it is nothing, and none in JSON's quotes. */
export const HELP_CONFIGURATION: HelpConfiguration = {
  // With its arguments the longest of them would leave no room for what they do.
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
