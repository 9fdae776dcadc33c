import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runHauberk } from '../../support/command-line.js';
import { manifest, temporaryDirectory } from '../rpc/support.js';

const CONTAINER = 'container: {labels: {app: web}}';

/** A case for the policy that `manifest` makes. */
function caseOf(expect: string, rest = 'operation: read, object: /etc/shadow'): string {
  return `  - {${CONTAINER}, program: /bin/cat, ${rest}, expect: {${expect}}}\n`;
}

function start(t: TestContext, files: Readonly<Record<string, string>>) {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'deep'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return { directory, hauberk: (...parameters: string[]) => runHauberk(['test', directory, ...parameters]) };
}

test('the example passes, and each of its rules decides a case', async () => {
  const { status, output, errors } = await runHauberk(['test', 'examples/policy-test', '--minimum-coverage', '100']);
  assert.deepEqual([status, errors], [0, '']);
  assert.equal(output, '7 cases, 0 failed; 6 of 6 rules have decided one (100 %)\n');
});

test('a failing case is reported with its position, the actual decision and the rule', async (t) => {
  const { directory, hauberk } = start(t, {
    'one.yaml': manifest('one'),
    'one.test.yaml': `cases:\n${caseOf('action: allow')}${caseOf('action: block, rule: default/one')}${caseOf('action: block, rule: default/two')}`,
  });
  const { status, output } = await hauberk();
  assert.equal(status, 1);
  assert.deepEqual(output.split('\n'), [
    `FAILED ${directory}/one.test.yaml:2: web /bin/cat read /etc/shadow allow`,
    '       expected allow, but it is block, by default/one file.matchPaths[0]',
    `FAILED ${directory}/one.test.yaml:4: web /bin/cat read /etc/shadow block`,
    '       expected default/two to decide, but default/one file.matchPaths[0] does',
    '3 cases, 2 failed; 1 of 1 rules have decided one (100 %)',
    '',
  ]);
});

test('a case can name the parent that runs a program', async (t) => {
  const rule = 'process:\n    matchPaths:\n      - {path: /bin/id, fromSource: [{path: /bin/dash}]}';
  const policy = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: one}
spec:
  selector: {matchLabels: {app: web}}
  ${rule}
`;
  const run = 'operation: execute, object: /bin/id, parentProgram:';
  const { directory, hauberk } = start(t, {
    'one.yaml': policy,
    'one.test.yaml': `cases:\n${caseOf('action: block, rule: default/one', `${run} /bin/dash`)}${caseOf('action: allow', `${run} /bin/bash`)}`,
  });
  const { status, output } = await hauberk();
  assert.deepEqual([status, output], [0, '2 cases, 0 failed; 1 of 1 rules have decided one (100 %)\n']);
  const reading = caseOf('action: block', 'operation: read, object: /etc/shadow, parentProgram: /bin/dash');
  writeFileSync(join(directory, 'one.test.yaml'), `cases:\n${reading}`);
  assert.match((await hauberk()).output, /parent_program: is for execute only/);
});

test('postures, audit mode, the host and other scopes decide cases as a daemon does', async (t) => {
  const allow = manifest('allow', '/srv/x').replace('Block', 'Allow');
  const audit = manifest('audit', '/etc/audited').replace('spec:', 'spec:\n  mode: audit');
  const host = manifest('h')
    .replace('KubeArmorPolicy', 'KubeArmorHostPolicy')
    .replace('  namespace: default\n', '')
    .replace('selector', 'nodeSelector');
  const { hauberk } = start(t, {
    'deep/all.yaml': `${allow}---\n${audit}---\n${host}`,
    'postures.test.yaml': [
      'postures: {file: block}',
      'cases:',
      caseOf('action: block, rule: posture', 'operation: read, object: /other'),
      caseOf('action: allow, rule: default/allow', 'operation: read, object: /srv/x'),
      caseOf('action: allow, rule: nothing', 'operation: execute, object: /etc/audited'),
      '  - {container: {host: true, labels: {app: web}}, operation: read, object: /etc/shadow, expect: {action: block}}',
      '  - {container: {host: true}, operation: read, object: /etc/shadow, expect: {action: allow, rule: nothing}}',
      '  - {container: {namespace: other, labels: {app: web}}, operation: read, object: /srv/x, expect: {action: allow, rule: nothing}}',
      '',
    ].join('\n'),
    'audit.test.yaml': `cases:\n${caseOf('action: audit, rule: posture', 'operation: read, object: /other')}${caseOf('action: audit, wouldBlock: true', 'operation: read, object: /etc/audited')}`,
  });
  const { status, output } = await hauberk('-v');
  assert.equal(status, 0, output);
  assert.match(output, /^8 cases, 0 failed; 3 of 3 rules/mu);
});

test('a rule holds under the other name of a directory where the container has links', async (t) => {
  const one = (container: string, object: string, action: string) =>
    `  - {container: {labels: {app: web}${container}}, operation: read, object: ${object}, expect: {action: ${action}}}\n`;
  const links = ', links: {/bin: /usr/bin}';
  const { hauberk } = start(t, {
    'one.yaml': manifest('one', '/bin/tool'),
    'one.test.yaml': `cases:\n${one('', '/usr/bin/tool', 'allow')}${one(links, '/usr/bin/tool', 'block')}${one(links, '/bin/tool', 'block')}`,
  });
  const { status, output } = await hauberk();
  assert.equal(status, 0, output);
});

test('rules that decide no case are named, and coverage below the limit is a failure', async (t) => {
  const { hauberk } = start(t, {
    'all.yaml': `${manifest('one')}---\n${manifest('two', '/etc/gshadow')}`,
    'all.test.yaml': `cases:\n${caseOf('action: block')}`,
  });
  const { status, output } = await hauberk('--coverage', '--minimum-coverage', '50');
  assert.equal(status, 0);
  assert.match(
    output,
    /^no case is decided by default\/two file\.matchPaths\[0\]\n1 cases, 0 failed; 1 of 2 rules have decided one \(50 %\)$/mu,
  );
  const tooFew = await hauberk('--minimum-coverage', '51');
  assert.deepEqual([tooFew.status, tooFew.errors], [1, 'hauberk: fewer than 51 % of the rules have decided a case\n']);
  assert.equal((await hauberk('--minimum-coverage', 'all')).status, 2);
});

test('results are written in the JUnit format', async (t) => {
  const { directory, hauberk } = start(t, {
    'one.yaml': manifest('one'),
    'one.test.yaml': `cases:\n${caseOf('action: block')}  - {name: "<\\u001b&\\">", ${CONTAINER}, operation: read, object: /x, expect: {action: block}}\n`,
  });
  const file = join(directory, 'results.xml');
  assert.equal((await hauberk('--junit', file)).status, 1);
  const lines = readFileSync(file, 'utf8').split('\n');
  const place = `${directory}/one.test.yaml`;
  assert.deepEqual(lines.slice(1, 3), [
    '<testsuites name="hauberk test" tests="2" failures="1">',
    `  <testsuite name="${place}" tests="2" failures="1">`,
  ]);
  assert.equal(
    lines[4],
    `    <testcase classname="${place}" name="&lt;?&amp;&quot;&gt;" file="${place}" line="3"><failure message="expected block, but it is allow, by nothing">expected block, but it is allow, by nothing</failure></testcase>`,
  );
});

for (const [what, cases, expected] of [
  [
    'a field that does not exist',
    'cases:\n  - {container: {}, operation: read, objekt: /x, expect: {action: block}}\n',
    /:2:38: cases\[0\]\.objekt: is not a field there/u,
  ],
  [
    'an action that does not exist',
    'cases:\n  - {container: {}, operation: read, expect: {action: deny}}\n',
    /:2:55: cases\[0\]\.expect\.action: must be one of allow, audit, block/u,
  ],
  ['nothing expected', 'cases:\n  - {container: {}, operation: read}\n', /:2:5: cases\[0\]: expect is missing/u],
  ['no case', 'cases: []\n', /:1:8: cases: must NOT have fewer than 1 items/u],
  ['an empty file', '', /one\.test\.yaml: cases: there are none/u],
  ['two documents', 'cases: []\n---\ncases: []\n', /must be in one document/u],
  ['invalid YAML', 'cases: [\n', /cases: is not valid YAML/u],
  ['a list', '- x\n', /:1:1: file: must be object/u],
  [
    'policies that do not exist',
    'policies: [none.yaml]\ncases:\n  - {container: {}, operation: read, object: /x, expect: {action: allow}}\n',
    /no such file or directory/u,
  ],
] as const) {
  test(`a file of cases with ${what} is refused with the position`, async (t) => {
    const { hauberk } = start(t, { 'one.yaml': manifest('one'), 'one.test.yaml': cases });
    const { status, output, errors } = await hauberk();
    assert.deepEqual([status, output], [1, '']);
    assert.match(errors, expected);
  });
}

test('an operation or object that no rule can cover fails its case, and the others are decided', async (t) => {
  const { hauberk } = start(t, {
    'one.yaml': manifest('one'),
    'one.test.yaml': `cases:\n${caseOf('action: block', 'operation: peek, object: /x')}${caseOf('action: block', 'operation: read, object: x')}${caseOf('action: block')}`,
  });
  const { output } = await hauberk();
  assert.match(output, /operation: must be one of /u);
  assert.match(output, /object: must be an absolute path/u);
  assert.match(output, /^3 cases, 2 failed/mu);
});

test('an invalid manifest, or a policy that is defined twice, is refused with its file', async (t) => {
  const cases = { 'one.test.yaml': `cases:\n${caseOf('action: block')}` };
  const wrong = start(t, { ...cases, 'one.yaml': manifest('one', 'relative') });
  assert.match((await wrong.hauberk()).errors, /one\.yaml:12:15: spec\.file\.matchPaths\[0\]\.path: must be absolute/u);
  const twice = start(t, { ...cases, 'a.yaml': manifest('one'), 'b.yaml': manifest('one') });
  assert.match((await twice.hauberk()).errors, /b\.yaml: policy default\/one is in .*a\.yaml, too/u);
  assert.equal((await runHauberk(['test', '/no/such/place'])).status, 1);
  assert.match((await runHauberk(['test', 'src/policy-test'])).errors, /no files of cases \(NAME\.test\.yaml\)/u);
});

test('apply skips files of cases in a directory of manifests', async (t) => {
  const { directory } = start(t, { 'one.test.yaml': `cases:\n${caseOf('action: block')}` });
  const { status, errors } = await runHauberk(['validate', '-f', directory]);
  assert.deepEqual([status, errors], [1, `hauberk: no manifests in ${directory}\n`]);
});
