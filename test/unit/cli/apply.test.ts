import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { applyPlan, planOf } from '../../../src/cli/apply-plan.js';
import { CommandFailure } from '../../../src/cli/exit-status.js';
import { connect } from '../../../src/client/index.js';
import { manifest } from '../rpc/support.js';
import { start, web } from './support.js';

test('a dry run prints what would change, as JSON and as YAML', async (t) => {
  const { write, hauberk, plane } = await start(t);
  await plane.tracker.register(web, { pidNamespace: 11, mountNamespace: 12 });
  await hauberk('apply', '-f', write('one.yaml', manifest('one')));
  const file = write('all.yaml', `${manifest('one', '/etc/gshadow')}---\n${manifest('two')}`);
  const { status, output, errors } = await hauberk('apply', '--dry-run', '-o', 'json', '-f', file);
  assert.deepEqual([status, errors], [0, '']);
  const [one, two] = JSON.parse(output);
  assert.deepEqual([one.kind, one.previousVersion, one.containerIds], ['UPDATED', 2, ['c1deadbeef']]);
  assert.match(one.difference, /^-\s+- path: \/etc\/shadow$/mu);
  assert.deepEqual([two.kind, two.previousVersion, two.difference], ['CREATED', 0, undefined]);
  const asYaml = await hauberk('apply', '--dry-run', '-o', 'yaml', '-f', file);
  assert.deepEqual(parse(asYaml.output), JSON.parse(output));
  assert.equal(plane.policies.list().length, 1);
  const [applied] = JSON.parse((await hauberk('apply', '-o', 'json', '-f', file)).output);
  assert.deepEqual([applied.kind, applied.resourceVersion], ['UPDATED', 3]);
});

test('with --prune exactly the policies of the manifests remain', async (t) => {
  const { write, hauberk, plane } = await start(t);
  await hauberk('apply', '-f', write('all.yaml', `${manifest('a')}---\n${manifest('b', '/x', 'shop')}`));
  const kept = write('kept.yaml', `${manifest('a', '/etc/gshadow')}---\n${manifest('c')}`);
  const dry = await hauberk('apply', '--prune', '--dry-run', '-f', kept);
  assert.match(dry.output, /^policy cli:shop\/b deleted, reached 0 containers \(dry run\)$/mu);
  assert.match(dry.output, /^\+\s+- path: \/etc\/gshadow$/mu);
  assert.equal(plane.policies.list().length, 2);
  const { status, output } = await hauberk('apply', '--prune', '-f', kept);
  assert.equal(status, 0);
  assert.match(output, /^policy cli:default\/c created.*\npolicy cli:shop\/b deleted, reached 0 containers\n$/mu);
  assert.deepEqual(
    plane.policies.list().map(({ name }) => name),
    ['a', 'c'],
  );
});

test('with --prune manifests without a policy delete nothing', async (t) => {
  const { write, hauberk, plane } = await start(t);
  await hauberk('apply', '-f', write('a.yaml', manifest('a')));
  const { status, errors } = await hauberk('apply', '--prune', '-f', write('none.yaml', '# nothing yet\n'));
  assert.equal(status, 1);
  assert.match(errors, /holds no policy/u);
  assert.equal(plane.policies.list().length, 1);
});

for (const prune of [false, true]) {
  test(`${prune ? 'with' : 'without'} --prune a change made after the plan is not overwritten`, async (t) => {
    const { write, hauberk, plane, server } = await start(t);
    await hauberk('apply', '-f', write('one.yaml', manifest('one')));
    const client = connect({ address: server.address });
    t.after(() => client.close());
    for (const mine of [manifest('one', '/mine'), manifest('two', '/mine')]) {
      const plan = await planOf(client, mine, { force: false, prune, ignoreForeign: false });
      const existing = mine.replace('/mine', `/theirs/${prune}`);
      await hauberk('apply', '-f', write('theirs.yaml', existing));
      const before = plane.policies.list();
      await assert.rejects(applyPlan(client, mine, plan), (error) => {
        assert.ok(error instanceof CommandFailure);
        assert.match(error.message, /: it has changed since the plan was made; try again$/u);
        return error.exitStatus === 1;
      });
      assert.deepEqual(plane.policies.list(), before);
    }
  });
}

test('policies of every scope can be applied again, changed or not', async (t) => {
  const { write, hauberk } = await start(t);
  const cluster = (path: string) =>
    [
      'apiVersion: security.kubearmor.com/v1',
      'kind: KubeArmorClusterPolicy',
      'metadata: {name: all}',
      'spec:',
      '  selector: {matchExpressions: [{key: namespace, operator: In, values: [default]}]}',
      `  file: {matchPaths: [{path: ${path}}]}`,
      '  action: Block',
      '',
    ].join('\n');
  const apply = async (path: string) => {
    const file = write('all.yaml', `${manifest('one', path)}---\n${cluster(path)}`);
    const { status, output, errors } = await hauberk('apply', '-f', file);
    assert.equal(status, 0, errors);
    return output.match(/created|updated|unchanged/gu);
  };
  assert.deepEqual(await apply('/a'), ['created', 'created']);
  assert.deepEqual(await apply('/a'), ['unchanged', 'unchanged']);
  assert.deepEqual(await apply('/b'), ['updated', 'updated']);
});

test('each file of a directory is read as it is alone: with a byte order mark, directives, or an end of its document', async (t) => {
  const { write, hauberk, directory } = await start(t);
  const files = {
    'a.yaml': manifest('a'),
    'b.yaml': `\uFEFF${manifest('b')}`,
    'c.yaml': `%YAML 1.2\n---\n${manifest('c')}`,
    'd.yaml': `\uFEFF%YAML 1.2\n---\n${manifest('d')}...\n`,
    'e.yaml': `---\n${manifest('e')}---\n`,
    'f.yaml': '# nothing yet',
    'g.yaml': manifest('g', '/etc/*shadow'),
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  const { status, output, errors } = await hauberk('apply', '-f', directory);
  assert.equal(status, 0, errors);
  assert.deepEqual(output.match(/\w+(?= created)/gu), ['a', 'b', 'c', 'd', 'e', 'g']);
  assert.match(errors, /in `matchPatterns` \(.*\/g\.yaml:12:15\)$/mu);
});

test('of a policy in two files both places are named', async (t) => {
  const { write, hauberk } = await start(t);
  const first = write('first.yaml', `# ours\n${manifest('a')}---\n${manifest('b')}`);
  const second = write('second.yaml', `${manifest('c')}---\n${manifest('b')}`);
  const { status, errors } = await hauberk('apply', '-f', first, second);
  assert.equal(status, 1);
  assert.equal(
    errors,
    `hauberk: ${second}:18:9: metadata.name: policy \`default/b\` is given twice, first at ${first}:19:9\n`,
  );
});

test('of files in YAML 1.1 the file is named', async (t) => {
  const { write, hauberk } = await start(t);
  const old = write('old.yaml', `%YAML 1.1\n---\n${manifest('b')}`);
  const other = write('a.yaml', manifest('a'));
  for (const files of [
    [other, old],
    [old, other],
  ]) {
    const { status, errors } = await hauberk('apply', ...files.flatMap((file) => ['-f', file]));
    assert.equal(status, 1);
    assert.equal(errors, `hauberk: ${old}:2:1: manifest: is YAML 1.1; only YAML 1.2 is read\n`);
  }
});
