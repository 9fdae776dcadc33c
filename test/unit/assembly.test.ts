import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { DaemonReports } from '../../src/daemon-reports.js';
import { EarlierPrograms } from '../../src/earlier-programs.js';

/** The names that the functions of a file declare and use further up in the same function. */
function usedBeforeMade(text: string): string[] {
  const code = text.replace(/^\s*(?:\/\/|\/?\*).*$/gmu, '').replace(/'[^']*'/gu, "''");
  return code.split(/^(?=(?:export )?(?:async )?function |export class )/mu).flatMap((body) =>
    [...body.matchAll(/\b(?:const|let) (?:(\w+)|\{([^}]*)\})/gu)].flatMap(({ index, 1: one, 2: several = '' }) => {
      const names = one === undefined ? several.split(',').map((each) => each.split(':').at(-1)!.trim()) : [one];
      return names.filter((name) => new RegExp(`(?<![.\\w])${name}(?![\\w:?])`, 'u').test(body.slice(0, index)));
    }),
  );
}

describe('the parts of the daemon', () => {
  test('use none that is made after them', () => {
    const circular = 'function make() {\n  const a = new A(() => b.tell());\n  const { b } = makeB(a);\n}\n';
    assert.deepEqual(usedBeforeMade(circular), ['b']);
    for (const name of ['assembly', 'container-sources', 'daemon-metrics', 'enforcing', 'observation'])
      assert.deepEqual(usedBeforeMade(readFileSync(`src/${name}.ts`, 'utf8')), [], name);
  });

  test('contribute to the status of the host from when they are added', () => {
    const store = { problem: undefined, damage: [], witnessProblem: 'no witness' };
    const kernel = { missingHooks: [] };
    const reports = new DaemonReports(kernel, store, { problem: 'changed' }, { list: () => [] });
    assert.deepEqual([reports.sources(), reports.warnings()], [[], ['no witness']]);
    const status = (name: string) => ({ name, address: '/a', connected: true, reason: '', containers: 0 });
    const follower = (name: string) => ({ statuses: () => [status(name)], warnings: () => [`${name} is old`] });
    let problem: string | undefined;
    reports.addProblem(() => problem);
    reports.addFollower(follower('docker'));
    reports.addFollower(follower('kubernetes'));
    assert.deepEqual(reports.sources(), [status('docker'), status('kubernetes')]);
    assert.deepEqual(reports.warnings(), ['docker is old', 'kubernetes is old', 'no witness']);
    problem = 'address in use';
    assert.deepEqual(reports.warnings(), ['docker is old', 'kubernetes is old', problem, 'no witness']);
    assert.deepEqual([reports.kernelProblem(), reports.storeProblem()], ['changed', undefined]);
  });
});

test('programs of an earlier build are removed until the removal is stopped, and a failure is logged', async () => {
  const logged: object[] = [];
  const failure = new Error('not removed');
  const signals: AbortSignal[] = [];
  const removeReplaced = async (signal: AbortSignal) => {
    signals.push(signal);
    throw failure;
  };
  const programs = new EarlierPrograms({ removeReplaced }, { warn: (fields) => void logged.push(fields) });
  programs.remove();
  assert.equal(signals[0]?.aborted, false);
  await programs.stop();
  assert.equal(signals[0]?.aborted, true);
  assert.deepEqual(logged, [{ err: failure }]);
});
