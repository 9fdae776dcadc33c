import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followLinks } from '../../../src/policy/links.js';
import { bind } from './support.js';

const LINKS = { '/bin': '/usr/bin', '/lib': '/usr/lib' };
const followed = (...rules: Parameters<typeof bind>[0][]) =>
  followLinks(
    rules.map((rule) => bind(rule)),
    LINKS,
  ).map(({ rule }) => rule);

test('a rule on a linked directory has a twin with the name the kernel sees', () => {
  assert.deepEqual(
    followed({ match: { kind: 'exact', path: '/bin/sleep' } }).map(({ match }) => match),
    [
      { kind: 'exact', path: '/bin/sleep' },
      { kind: 'exact', path: '/usr/bin/sleep' },
    ],
  );
  assert.deepEqual(followed({ match: { kind: 'directory', directory: '/lib/', recursive: true } })[1]?.match, {
    kind: 'directory',
    directory: '/usr/lib/',
    recursive: true,
  });
  assert.deepEqual(followed({ match: { kind: 'pattern', pattern: '/bin/*sh' } })[1]?.match, {
    kind: 'pattern',
    pattern: '/usr/bin/*sh',
  });
});

test('so has a rule on system calls that are given a path there, and none on any call', () => {
  const calls = ['unlinkat'];
  const [, twin] = followed({
    class: 'syscalls',
    match: { kind: 'call', calls, target: { kind: 'exact', path: '/bin/a' } },
  });
  assert.deepEqual(twin?.match, { kind: 'call', calls, target: { kind: 'exact', path: '/usr/bin/a' } });
  assert.equal(followed({ class: 'syscalls', match: { kind: 'call', calls } }).length, 1);
});

test('a source behind a link counts under both names, also for a rule that names no path', () => {
  const [rule, ...others] = followed({
    class: 'network',
    match: { kind: 'protocol', protocol: 'tcp' },
    sources: ['/bin/curl', '/opt/curl'],
  });
  assert.deepEqual(rule?.sources, ['/bin/curl', '/opt/curl', '/usr/bin/curl']);
  assert.deepEqual(others, []);
});

test('what lies elsewhere, or begins alike only, stays as it is', () => {
  for (const path of ['/etc/shadow', '/binary/x', '/bin']) {
    assert.equal(followed({ match: { kind: 'exact', path } }).length, 1, path);
  }
});

test('so have rules on mounts and on processes that are looked into, by the place that they name', () => {
  const target = { kind: 'directory', directory: '/bin/', recursive: false } as const;
  const linked = { ...target, directory: '/usr/bin/' };
  const [, mount] = followed({ class: 'mounts', match: { kind: 'mount', target, type: 'tmpfs' } });
  assert.deepEqual(mount?.match, { kind: 'mount', target: linked, type: 'tmpfs' });
  const [, trace] = followed({ class: 'ptrace', match: { kind: 'trace', target, operation: 'read' } });
  assert.deepEqual(trace?.match, { kind: 'trace', target: linked, operation: 'read' });
  assert.equal(followed({ class: 'ptrace', match: { kind: 'trace', operation: 'read' } }).length, 1);
});

test('libraries that a policy names behind a link may be brought by both names', () => {
  const at = (path: string) => ({ kind: 'exact', path }) as const;
  const { rule, policy } = bind({ match: at('/bin/a') });
  const loaderLibraries = [at('/lib/a.so'), at('/opt/b.so')];
  const linked = followLinks([{ rule, policy: { ...policy, loaderLibraries } }], LINKS);
  assert.deepEqual(linked[0]!.policy.loaderLibraries, [...loaderLibraries, at('/usr/lib/a.so')]);
  assert.equal(linked[1]!.policy, linked[0]!.policy);
});
