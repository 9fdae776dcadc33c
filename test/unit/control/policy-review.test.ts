import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InMemoryControlPlane, WEB, WEB_NAMESPACES } from '../../support/in-memory-control-plane.js';
import { manifest } from '../rpc/support.js';

const NOT_REVIEWED = 'its rules were not compared with others: too many were given at once';

async function planeWith() {
  const plane = new InMemoryControlPlane();
  await plane.tracker.register(WEB, WEB_NAMESPACES);
  const apply = async (...texts: string[]) =>
    (await plane.policies.apply(texts.flatMap((text) => plane.policies.readManifest(text)))).result;
  return { plane, apply };
}

test('policies are reviewed for three seconds, and the others are reported as not reviewed', async (t) => {
  const { apply } = await planeWith();
  await apply(manifest('first'));
  let now = 0;
  const clock = t.mock.method(performance, 'now', () => now);
  const reviewed = (changes: Awaited<ReturnType<typeof apply>>) =>
    changes.map(({ warnings }) => [
      warnings.includes(NOT_REVIEWED),
      warnings.some((each) => each.includes('never decides')),
    ]);
  assert.deepEqual(reviewed(await apply(manifest('second'))), [[false, true]]);
  clock.mock.mockImplementation(() => {
    now += 3001;
    return now;
  });
  assert.deepEqual(reviewed(await apply(manifest('third'), manifest('fourth'))), [
    [true, false],
    [true, false],
  ]);
});

test('a rule that another makes ineffective is reported, with what to do where the other one is named', async () => {
  const { apply } = await planeWith();
  await apply(manifest('first'));
  const [second] = await apply(manifest('second'));
  assert.equal(second!.warnings.length, 1);
  assert.match(
    second!.warnings[0]!,
    /file\.matchPaths\[0\] never decides: .* comes first.*; take it out, or give its policy a higher `priority`$/u,
  );
  const [same] = await apply(manifest('second'));
  assert.deepEqual([same!.kind, same!.warnings], ['unchanged', []]);
});

test('for a rule that another of its own policy makes ineffective no priority is advised', async () => {
  const { apply } = await planeWith();
  const twice = manifest('both').replace('- path: /etc/shadow', '- path: /etc/shadow\n      - path: /etc/shadow');
  const [both] = await apply(twice);
  assert.deepEqual(both!.warnings, [
    'line 13, column 9: file.matchPaths[1] never decides: default/both file.matchPaths[0] (Block) comes first, its name comes first, ' +
      'as nothing else tells the two apart; take it out, or change the one that comes first',
  ]);
});

test('rules that never decide are counted where there are too many to list, and so are rules that were not compared', async () => {
  const { apply } = await planeWith();
  const paths = Array.from({ length: 22 }, (_, index) => `{path: /etc/${index}}`).join(', ');
  const many = (name: string) => manifest(name).replace(/matchPaths:[\s\S]*?(?= *action)/u, `matchPaths: [${paths}]\n`);
  await apply(many('first'));
  const [second] = await apply(many('second'));
  assert.equal(second!.warnings.length, 21);
  assert.equal(second!.warnings.at(-1), '2 more rules never decide, not listed');
  assert.deepEqual(second!.conflicts, []);
  const [third] = await apply(many('third').replace('action: Block', 'action: Allow'));
  assert.equal(third!.conflicts.length, 21);
  assert.equal(third!.conflicts.at(-1), '12 rules were not compared with all others, so there may be more conflicts');
});

test('rules of one container with different decisions on an access are conflicts', async () => {
  const { apply } = await planeWith();
  await apply(manifest('first'));
  const allowing = manifest('second').replace('action: Block', 'action: Allow');
  const [second] = await apply(allowing);
  assert.equal(second!.conflicts.length, 1);
  assert.match(second!.conflicts[0]!, /first/u);
  const [elsewhere] = await apply(manifest('third', '/etc/shadow', 'other').replace('action: Block', 'action: Allow'));
  assert.deepEqual(elsewhere!.conflicts, []);
});
