import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { makeProgram } from '../../../src/cli/program.js';
import { readManifest } from '../../../src/policy/manifest.js';
import { anchorsOf, deadLinks } from '../../../tools/links.js';
import { runHauberk } from '../../support/command-line.js';

const DOCS = readdirSync('docs')
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const EXAMPLES = 'examples/policies';
/** Pages that show how to use Hauberk. */
const GUIDES = [...DOCS, 'README.md', `${EXAMPLES}/README.md`];
const PAGES = [
  ...GUIDES,
  ...['CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'RELEASING.md'],
  ...['examples/controller/README.md', 'src/client/README.md'],
];
const read = (path: string) => readFileSync(path, 'utf8');

/** The blocks of code of a language. */
const blocksOf = (path: string, language: string) =>
  [...read(path).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gmsu'))].map(([, block]) => block!);

describe('the documentation', () => {
  for (const page of PAGES) {
    test(`${page} links to existing files and headings`, () => {
      assert.deepEqual(deadLinks(page), []);
    });
  }

  test('has an index with every page, and no others', () => {
    for (const page of DOCS.filter((name) => name !== 'docs/README.md')) {
      assert.match(read('docs/README.md'), new RegExp(`\\(${page.slice('docs/'.length)}\\)`, 'u'), page);
    }
  });

  test('names commands and flags of hauberk that exist', () => {
    const lines = GUIDES.flatMap((page) =>
      blocksOf(page, 'sh').flatMap((block) => block.split('\n').map((line) => ({ page, line }))),
    ).filter(({ line }) => line.startsWith('hauberk '));
    assert.ok(lines.length > 10);
    for (const { page, line } of lines) {
      let command: Command = makeProgram();
      // After -- follows another program's command.
      for (const word of line
        .replace(/ -- .*$/u, '')
        .split(' ')
        .slice(1)) {
        const next = command.commands.find((each) => each.name() === word);
        if (next !== undefined) command = next;
        else if (word.startsWith('-') && word.length > 1) {
          const isKnown = command.options.some(({ long, short }) => word === long || word === short);
          assert.ok(isKnown, `${page}: ${line}: ${word}`);
        } else assert.equal(command.commands.length, 0, `${page}: ${line}: there is no command ${word}`);
      }
    }
  });

  test('shows manifests that are accepted', () => {
    const manifests = GUIDES.flatMap((page) => blocksOf(page, 'yaml')).filter((block) =>
      block.startsWith('apiVersion:'),
    );
    assert.ok(manifests.length > 10);
    for (const manifest of manifests) assert.equal(readManifest(manifest).length, 1, manifest);
  });

  test('has examples that are accepted without a warning and listed in their index', () => {
    const index = read(`${EXAMPLES}/README.md`);
    const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'));
    assert.ok(files.length > 5);
    for (const file of files) {
      const documents = readManifest(read(`${EXAMPLES}/${file}`));
      assert.deepEqual(
        documents.flatMap(({ warnings }) => warnings),
        [],
        file,
      );
      assert.ok(index.includes(`(${file})`), file);
    }
  });

  for (const directory of [EXAMPLES, 'examples/policy-test']) {
    test(`has cases in ${directory} for every rule there, which pass`, async () => {
      const { status, output, errors } = await runHauberk([
        'test',
        directory,
        '--coverage',
        '--minimum-coverage',
        '100',
      ]);
      assert.equal(status, 0, output + errors);
    });
  }

  test('has a runbook for each alert, to which the alert links', () => {
    const { groups } = parse(read('packaging/prometheus/alerts.yml')) as {
      groups: { rules: { alert: string; annotations: Record<string, string> }[] }[];
    };
    const alerts = groups.flatMap(({ rules }) => rules);
    const headings = anchorsOf('docs/runbooks.md').slice(1);
    assert.deepEqual([...headings].sort(), alerts.map(({ alert }) => alert.toLowerCase()).sort());
    // The page on metrics says how to replace it.
    const [command, from, to] = /^sed 's\|([^|]+)\|([^|]+)\|' \S+/mu.exec(read('docs/metrics.md'))!;
    for (const { alert, annotations } of alerts)
      assert.equal(annotations.runbook_url, `${from}/runbooks.md#${alert.toLowerCase()}`);
    const [replacing] = command.split(' /');
    const replaced = execFileSync('sh', ['-c', `${replacing} packaging/prometheus/alerts.yml`], { encoding: 'utf8' });
    assert.equal(replaced.split(`${to}/runbooks.md#`).length - 1, alerts.length);
    assert.ok(!replaced.includes(from!));
  });
});
