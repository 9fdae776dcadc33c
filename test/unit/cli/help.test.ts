import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from 'commander';
import { makeProgram } from '../../../src/cli/program.js';
import { runHauberk } from '../../support/command-line.js';

/** Every command without subcommands, with its words. */
function leaves(command: Command, words: readonly string[] = []): { command: Command; words: string[] }[] {
  const visible = command.commands.filter((each) => !each.name().startsWith('_'));
  if (visible.length === 0) return [{ command, words: [...words] }];
  return visible.flatMap((each) => leaves(each, [...words, each.name()]));
}

const program = makeProgram();
const commands = leaves(program);

test('the help of every command has examples, has no empty default and fits a narrow terminal', async () => {
  assert.ok(commands.length > 25);
  for (const { words } of commands) {
    const { status, output } = await runHauberk([...words, '--help']);
    const name = words.join(' ');
    assert.equal(status, 0, name);
    assert.match(output, /^Examples:\n {2}# .*\n {2}\S/mu, name);
    assert.doesNotMatch(output, /\(default: ["[]|default "|default \)/u, name);
    const [usage] = output.split('\nExamples:');
    for (const line of usage!.split('\n')) assert.ok(line.length <= 120, `${name}: ${line}`);
  }
});

test('the flags in examples exist', async () => {
  for (const { command, words } of commands) {
    const { output } = await runHauberk([...words, '--help']);
    const lines = output
      .split('\nExamples:\n')[1]!
      .split('\n')
      .filter((line) => /^ {2}[^#]/u.test(line));
    const [own] = lines.flatMap((line) => line.match(/hauberk [^|&>)]*/gu) ?? []);
    assert.ok(own?.startsWith(`hauberk ${words.join(' ')}`), `${words.join(' ')}: ${own}`);
    for (const line of lines) {
      const shown = /hauberk ([^|&>)]*)/u.exec(line)?.[1] ?? '';
      const { command: meant } = commands.find(({ words: each }) => `${shown} `.startsWith(`${each.join(' ')} `))!;
      const known = new Set([...meant.options, ...program.options].flatMap(({ long, short }) => [long, short]));
      for (const flag of shown.match(/(?<= )--?[a-z][a-z-]*/gu) ?? [])
        assert.ok(known.has(flag), `${command.name()}: ${flag}`);
    }
  }
});
