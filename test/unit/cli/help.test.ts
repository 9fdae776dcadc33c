import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from 'commander';
import { makeProgram } from '../../../src/cli/program.js';
import { helpText } from '../../../src/config/command.js';
import { FLAGS } from '../../../src/config/flags.js';
import { runHauberk } from '../../support/command-line.js';

/** A command and all below it, with their words. */
function commandsOf(command: Command, words: readonly string[] = []): { command: Command; words: readonly string[] }[] {
  const visible = command.commands.filter((each) => !each.name().startsWith('_'));
  return [{ command, words }, ...visible.flatMap((each) => commandsOf(each, [...words, each.name()]))];
}

const program = makeProgram();
const commands = commandsOf(program);

/** The command that a line is about. */
function commandOf(line: string): Command {
  const meant = commands.filter(({ words }) => `${line} `.startsWith(['hauberk', ...words, ''].join(' ')));
  return meant.reduce((longest, each) => (each.words.length > longest.words.length ? each : longest)).command;
}

/** The command lines among the examples of a help text. */
function examplesOf(help: string): string[] {
  const lines = help.split('\nExamples:\n')[1]!.split('\n');
  return lines.filter((line) => /^ {2}[^#]/u.test(line));
}

test('the commands for the first day are there', () => {
  const names = new Set(commands.map(({ words }) => words.join(' ')));
  for (const name of [
    ...[
      'apply',
      'backup',
      'delete',
      'diff',
      'doctor',
      'effective',
      'explain',
      'get',
      'logs',
      'restore',
      'run',
      'status',
    ],
    ...['test', 'top', 'validate', 'version', 'watch', 'container register', 'container unregister', 'policy init'],
    ...['posture get', 'posture set', 'profile start', 'profile stop', 'profile suggest', 'runtime install'],
    ...['runtime status', 'runtime uninstall', 'visibility set', 'completion'],
  ])
    assert.ok(names.has(name), name);
});

test('the help of every command and group of commands has examples, has no empty default and fits a narrow terminal', async () => {
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

test('the examples of a command are about it, and their flags exist', async () => {
  for (const { command, words } of commands) {
    const { output } = await runHauberk([...words, '--help']);
    const shown = examplesOf(output).map((line) => /hauberk [^|&>)]*/u.exec(line)?.[0] ?? '');
    const own = shown.find((line) => line !== '');
    assert.ok(own?.startsWith(['hauberk', ...words].join(' ')), `${words.join(' ')}: ${own}`);
    for (const line of shown) {
      const known = new Set(
        [...commandOf(line).options, ...program.options].flatMap(({ long, short }) => [long, short]),
      );
      for (const flag of line.match(/(?<= )--?[a-z][a-z-]*/gu) ?? [])
        assert.ok(known.has(flag), `${command.name()}: ${flag}`);
    }
  }
});

test('the help of hauberkd has examples, whose flags exist', () => {
  const examples = examplesOf(helpText());
  assert.equal(examples.length, 3);
  for (const line of examples) {
    assert.match(line, /^ {2}hauberkd --/u);
    for (const flag of line.match(/--[a-z-]+/gu)!) assert.ok(flag.slice('--'.length) in FLAGS, flag);
  }
});
