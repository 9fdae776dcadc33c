import { Argument, type Command } from 'commander';
import { printable } from '../../printable.js';
import { candidatesFor } from '../completion-candidates.js';
import { withExamples } from '../help.js';
import { terminal } from '../terminal.js';

type Shell = 'bash' | 'zsh' | 'fish';

/** The hidden command that the scripts call; see SCRIPTS. */
const ASK = '__complete';

/** Prints a script that completes commands, flags and names; source it, or put it where the shell looks for such. */
export function addCompletion(program: Command): void {
  withExamples(
    program
      .command('completion')
      .description('print a completion script for a shell')
      .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(Object.keys(SCRIPTS))),
    [
      ['source <(hauberk completion bash)', 'for this shell'],
      ['hauberk completion zsh >~/.zsh/completions/_hauberk', 'for every new zsh, if that directory is in its fpath'],
      ['hauberk completion fish >~/.config/fish/completions/hauberk.fish', 'for every new fish'],
    ],
  ).action((shell: Shell) => {
    terminal().out(SCRIPTS[shell]);
  });

  program
    .command(ASK, { hidden: true })
    .argument('[word...]')
    .helpOption(false)
    .action(async (words: string[]) => {
      const found = await candidatesFor(program, words);
      const lines = found.map(({ word, help }) => `${printable(word)}\t${printable(help)}\n`);
      terminal().out(lines.join(''));
    });
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `_hauberk() {
  local IFS=$'\\n'
  COMPREPLY=($("\${COMP_WORDS[0]}" ${ASK} -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _hauberk hauberk
`,
  zsh: `#compdef hauberk
_hauberk() {
  local -a found
  local word help
  while IFS=$'\\t' read -r word help; do
    found+=("\${word//:/\\\\:}:$help")
  done < <("\${words[1]}" ${ASK} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe hauberk found || _files
}
# Where zsh loads this file as the function itself, at the first completion, it is to complete already.
if [ "$funcstack[1]" = _hauberk ]; then _hauberk "$@"; else compdef _hauberk hauberk; fi
`,
  fish: `function __hauberk_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] ${ASK} -- $words[2..] 2>/dev/null
end
complete -c hauberk -a '(__hauberk_complete)'
`,
};
