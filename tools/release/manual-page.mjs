/**
 * Prints a manual page made from the --help of a program and of its commands.
 * Usage: node tools/release/manual-page.mjs SECTION NAME PROGRAM
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const [section, name, program] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const date = new Date(Number(process.env.SOURCE_DATE_EPOCH) * 1000).toISOString().slice(0, 10);

const help = (...command) =>
  execFileSync(process.execPath, [program, ...command, '--help'], {
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '80' },
  });

/** Escapes a text so that troff prints it unchanged. */
const verbatim = (text) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        .replaceAll('\\', '\\e')
        .replaceAll('-', '\\-')
        .replace(/^(?=[.'])/u, '\\&'),
    )
    .join('\n');

/** The names of the commands that a help text lists. */
function commandsOf(text) {
  const [, list = ''] = /^Commands:\n((?: .*\n?)+)/mu.exec(text) ?? [];
  return [...list.matchAll(/^ {2}([a-z][a-z-]*)/gmu)].map(([, command]) => command).filter((each) => each !== 'help');
}

function* sections(path) {
  const text = help(...path);
  yield `.SH ${path.length === 0 ? 'SYNOPSIS AND OPTIONS' : verbatim([name, ...path].join(' ').toUpperCase())}\n.nf\n${verbatim(text)}\n.fi`;
  for (const command of commandsOf(text)) yield* sections([...path, command]);
}

/** The first sentence of the help. */
const about = help().split('\n\n')[1].replaceAll('\n', ' ').replace(/\.$/u, '');

process.stdout.write(
  [
    `.TH ${name.toUpperCase()} ${section} ${date} "Hauberk ${version}"`,
    `.SH NAME\n${name} \\- ${verbatim(about)}`,
    ...sections([]),
    '',
  ].join('\n'),
);
