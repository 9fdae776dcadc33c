import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Command } from 'commander';
import { makeProgram } from '../../../src/cli/program.js';
import { parseConfig } from '../../../src/config/config.js';
import { FLAGS } from '../../../src/config/flags.js';
import { HOOK_USES } from '../../../src/kernel/hook-uses.js';
import { metricTable } from '../../../tools/reference/metrics.js';
import { rewriteSections, sectionsOf, table } from '../../../tools/reference/sections.js';
import { PAGES, TABLES } from '../../../tools/reference/tables.js';

const read = (path: string) => readFileSync(path, 'utf8');
const GUIDES = [...PAGES, 'README.md', 'examples/policies/README.md'];
/** Tables that tools/bench and tools/scale write. */
const MEASURED = ['bench', 'scale'];
/** Flags of other programs that the pages mention. */
const OF_OTHERS = [
  '--privileged',
  '--pid',
  '--checkpoint',
  '--output',
  '--input',
  '--server-side',
  // Flags of npm scripts.
  '--only',
];

/** Parses a configuration as on a host with these groups. */
const configOf = (text: string) =>
  parseConfig(['--config', 'hauberkd.yaml'], (path) =>
    path === 'hauberkd.yaml' ? text : 'builders:x:901:\nhauberk:x:902:\n',
  );

function optionsOf(command: Command): string[] {
  return [...command.options.map(({ long }) => long ?? ''), ...command.commands.flatMap(optionsOf)];
}

describe('what the documentation says of the sources', () => {
  for (const page of PAGES) {
    test(`the tables of ${page} agree with the sources`, () => {
      assert.equal(rewriteSections(read(page), TABLES), read(page), 'tools/reference-tables writes them again');
    });
  }

  test('every table is on one page', () => {
    const places = PAGES.flatMap((page) => sectionsOf(read(page)));
    assert.deepEqual(places.sort(), [...Object.keys(TABLES), ...MEASURED].sort());
  });

  test('all flags in the documentation exist', () => {
    const known = new Set([
      ...Object.keys(FLAGS).map((name) => `--${name}`),
      ...optionsOf(makeProgram()),
      ...OF_OTHERS,
      '--help',
    ]);
    let count = 0;
    for (const page of GUIDES) {
      for (const [, code] of read(page).matchAll(/`([^`\n]*)`/gu)) {
        for (const [flag] of code!.matchAll(/(?<![\w-])--[a-z][a-z-]*/gu)) {
          count++;
          assert.ok(known.has(flag), `${page}: ${code}: there is no flag ${flag}`);
        }
      }
    }
    assert.ok(count > 100);
  });

  test('all metrics in the documentation exist', () => {
    const metrics = new Set([...metricTable().matchAll(/`(hauberk_\w+)`/gu)].map(([, name]) => name!));
    for (const page of GUIDES) {
      for (const [, name] of read(page).matchAll(/\b(hauberk_[a-z_]+)/gu)) {
        assert.ok(metrics.has(name!) || Object.hasOwn(HOOK_USES, name!), `${page}: there is no metric ${name}`);
      }
    }
  });

  test('all npm scripts in the documentation exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const page of [...GUIDES, 'CONTRIBUTING.md', 'RELEASING.md']) {
      for (const [, name] of read(page).matchAll(/\bnpm run ([a-z:]+)/gu))
        assert.ok(scripts[name!], `${page}: ${name}`);
    }
  });

  test('names of release files have this version', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    const files = GUIDES.flatMap((page) => [...read(page).matchAll(/build\/release\/hauberk[_-]([\d.]+)/gu)]);
    assert.ok(files.length > 2);
    for (const [file, of] of files) assert.equal(of, version, file);
  });

  test('configurations in the documentation are valid', () => {
    const blocks = GUIDES.flatMap((page) => [
      ...read(page).matchAll(/^```yaml\n(# hauberkd --config FILE\n.*?)^```$/gmsu),
    ]);
    assert.ok(blocks.length > 1);
    for (const [, block] of blocks) assert.doesNotThrow(() => configOf(block!), block);
  });

  test('the packaged configuration is valid, also with its examples uncommented', () => {
    const settings = read('packaging/hauberkd.yaml');
    const examples = settings.replaceAll(/^# ([a-z-]+: )/gmu, '$1');
    assert.notEqual(examples, settings);
    assert.equal(configOf(examples).defaultPostureFile, 'block');
  });

  test('the README leads to the first denial on one screen', () => {
    const lines = read('README.md').split('\n');
    assert.ok(lines.findIndex((line) => line.includes(' DENIED ')) < 75);
    assert.ok(lines.length < 110);
  });
});

test('a table escapes characters that would end a cell', () => {
  assert.equal(table(['a'], [['b|c']]), '| a |\n| --- |\n| b\\|c |\n');
});

test('sections of other names are left as they are', () => {
  const page = 'x\n<!-- one -->\nold\n<!-- /one -->\n<!-- two -->\nkept\n<!-- /two -->\n';
  assert.deepEqual(sectionsOf(page), ['one', 'two']);
  assert.equal(
    rewriteSections(page, { one: () => 'new $1\n' }),
    'x\n<!-- one -->\nnew $1\n<!-- /one -->\n<!-- two -->\nkept\n<!-- /two -->\n',
  );
});
