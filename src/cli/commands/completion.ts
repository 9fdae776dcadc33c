import { type Command, Option } from 'commander';

type Shell = 'bash' | 'zsh' | 'fish';

interface Entry {
  /** Words before it: `get policies`. */
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly help: string }[];
}

/** Prints a script that completes every command and flag; source it, or put it where the shell looks for such. */
export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a completion script for a shell')
    .argument('<shell>', 'bash, zsh or fish')
    .action((shell: string, _options: object, command: Command) => {
      const script = SCRIPTS[shell as Shell];
      if (script === undefined) command.error(`error: ${shell} is none of bash, zsh, fish`, { exitCode: 2 });
      process.stdout.write(script!(entriesOf(program, '')));
    });
}

function entriesOf(command: Command, path: string): Entry[] {
  const own = {
    path,
    words: [
      ...command.commands.map((each) => ({ word: each.name(), help: each.description() })),
      ...[...command.options, ...rootOptions(command), new Option('--help', 'help')].map(({ long, description }) => ({
        word: long!,
        help: description,
      })),
    ],
  };
  return [own, ...command.commands.flatMap((each) => entriesOf(each, `${path} ${each.name()}`.trim()))];
}

function rootOptions(command: Command): readonly Option[] {
  let root = command;
  while (root.parent !== null) root = root.parent;
  return root === command ? [] : root.options;
}

const SCRIPTS: Readonly<Record<Shell, (entries: readonly Entry[]) => string>> = {
  bash: (entries) => `_hauberk() {
  local path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $word == -* ]] || path="\${path:+$path }$word"; done
  case "$path" in
${entries.map(({ path, words }) => `  ${JSON.stringify(path)}) COMPREPLY=($(compgen -W "${words.map(({ word }) => word).join(' ')}" -- "\${COMP_WORDS[COMP_CWORD]}")) ;;`).join('\n')}
  *) COMPREPLY=() ;;
  esac
}
complete -o default -F _hauberk hauberk
`,
  zsh: (entries) => `#compdef hauberk
_hauberk() {
  local path_words="" word
  for word in "\${(@)words[2,CURRENT-1]}"; do [[ $word == -* ]] || path_words="\${path_words:+$path_words }$word"; done
  local -a found
  case "$path_words" in
${entries.map(({ path, words }) => `  ${JSON.stringify(path)}) found=(${words.map(({ word, help }) => quoted(`${word}:${help}`)).join(' ')}) ;;`).join('\n')}
  esac
  _describe hauberk found || _files
}
compdef _hauberk hauberk
`,
  fish: (entries) => `function __hauberk_path
  string match -v -- '-*' (commandline -opc)[2..] | string join ' '
end
${entries
  .flatMap(({ path, words }) =>
    words.map(({ word, help }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`;
      return `complete -c hauberk -n 'test (__hauberk_path) = "${path}"' ${what} -d ${quoted(help)}`;
    }),
  )
  .join('\n')}
`,
};

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
