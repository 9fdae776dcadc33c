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

test('a rule on a linked directory has a twin with the path that the kernel sees', () => {
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

test('a rule on system calls with a path in a linked directory has a twin, and one without a path has none', () => {
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

test('rules on other paths, even with the same prefix, have no twin', () => {
  for (const path of ['/etc/shadow', '/binary/x']) {
    assert.equal(followed({ match: { kind: 'exact', path } }).length, 1, path);
  }
});

test('rules on mounts and ptrace have twins for their paths', () => {
  const target = { kind: 'directory', directory: '/bin/', recursive: false } as const;
  const linked = { ...target, directory: '/usr/bin/' };
  const [, mount] = followed({ class: 'mounts', match: { kind: 'mount', target, type: 'tmpfs' } });
  assert.deepEqual(mount?.match, { kind: 'mount', target: linked, type: 'tmpfs' });
  const [, trace] = followed({ class: 'ptrace', match: { kind: 'trace', target, operation: 'read' } });
  assert.deepEqual(trace?.match, { kind: 'trace', target: linked, operation: 'read' });
  assert.equal(followed({ class: 'ptrace', match: { kind: 'trace', operation: 'read' } }).length, 1);
});

const DEEP = { '/bin': '/usr/bin', '/usr/bin/python3': '/usr/bin/python3.11', '/var/run': '/run' };
const matchesOf = (rule: Parameters<typeof bind>[0], ...known: [typeof DEEP, { shared?: string[]; later?: object }?]) =>
  followLinks([bind(rule)], known[0], known[1] as never).map(({ rule: { match } }) => match);

test('chained links are followed, anywhere in a path and at its end', () => {
  const [, twin, ...others] = matchesOf({ match: { kind: 'exact', path: '/bin/python3' } }, DEEP);
  assert.deepEqual([twin, others], [{ kind: 'exact', path: '/usr/bin/python3.11' }, []]);
  const below = { kind: 'directory', directory: '/var/run/', recursive: true } as const;
  assert.deepEqual(matchesOf({ match: below }, DEEP)[1], { ...below, directory: '/run/' });
  assert.deepEqual(
    matchesOf({ match: { kind: 'exact', path: '/a/x' } }, { '/a': '/b', '/b': '/a' } as never).length,
    1,
  );
});

test('each alternative of a pattern that goes through a link has a twin, also in other kinds of rules', () => {
  const pattern = '/{bin,sbin,var/run}/l*';
  const followed = ['/usr/bin/l*', '/run/l*'];
  assert.deepEqual(
    matchesOf({ match: { kind: 'pattern', pattern } }, DEEP).map((match) => match.kind === 'pattern' && match.pattern),
    [pattern, ...followed],
  );
  const looked = matchesOf({ class: 'ptrace', match: { kind: 'trace', target: { kind: 'pattern', pattern } } }, DEEP);
  assert.deepEqual(
    looked.map((match) => match.kind === 'trace' && match.target?.kind === 'pattern' && match.target.pattern),
    [pattern, ...followed],
  );
});

test('links that the container may have created itself do not extend Allow rules', () => {
  const later = { later: { '/app/conf': '/etc/shadow' } };
  const match = { kind: 'exact', path: '/app/conf' } as const;
  assert.equal(matchesOf({ match, action: 'Allow' }, DEEP, later).length, 1);
  for (const action of ['Block', 'Audit'] as const)
    assert.deepEqual(matchesOf({ match, action }, DEEP, later)[1], { kind: 'exact', path: '/etc/shadow' });
});

test('a link that has changed extends Block rules by both targets, and Allow rules by the first', () => {
  const links = { '/app': '/v1', '/bin/sh': '/bin/dash', '/bin': '/usr/bin' } as never;
  const known = { later: { '/app': '/v2', '/new': '/v3' } };
  const paths = (rule: Parameters<typeof bind>[0]) =>
    matchesOf(rule, links, known).map((match) => match.kind === 'exact' && match.path);
  const match = { kind: 'exact', path: '/app/key' } as const;
  assert.deepEqual(paths({ match, action: 'Block' }), ['/app/key', '/v1/key', '/v2/key']);
  assert.deepEqual(paths({ match, action: 'Audit' }), ['/app/key', '/v1/key', '/v2/key']);
  assert.deepEqual(paths({ match, action: 'Allow' }), ['/app/key', '/v1/key']);
  // An unchanged link gives one twin.
  assert.deepEqual(paths({ match: { kind: 'exact', path: '/bin/ls' } }), ['/bin/ls', '/usr/bin/ls']);
  assert.deepEqual(paths({ match: { kind: 'exact', path: '/new/key' } }), ['/new/key', '/v3/key']);
  const bySource = bind({ match: { kind: 'exact', path: '/x' }, sources: ['/app/tool', '/bin/ls'] });
  assert.deepEqual(
    followLinks([bySource], links, known).map(({ rule: { sources } }) => sources),
    [['/app/tool', '/bin/ls', '/v1/tool', '/usr/bin/ls', '/v2/tool']],
  );
});

test('a program with several names is blocked by the name in the rule only, and allowed by all names', () => {
  const links = { '/usr/bin/nc': '/bin/busybox' } as never;
  const shared = { shared: ['/bin/busybox'] };
  const rule = { class: 'process', match: { kind: 'exact', path: '/usr/bin/nc' } } as const;
  assert.deepEqual(matchesOf(rule, links, shared)[1], { kind: 'name', name: 'nc', of: '/bin/busybox' });
  assert.deepEqual(matchesOf({ ...rule, action: 'Allow' }, links, shared)[1], { kind: 'exact', path: '/bin/busybox' });
  assert.deepEqual(matchesOf(rule, links)[1], { kind: 'exact', path: '/bin/busybox' });
  const [source] = followLinks([bind({ sources: ['/usr/bin/nc'] })], links, shared);
  assert.deepEqual(source?.rule.sources, ['/usr/bin/nc']);
});

test('loader libraries behind a link may be loaded by both paths', () => {
  const at = (path: string) => ({ kind: 'exact', path }) as const;
  const { rule, policy } = bind({ match: at('/bin/a') });
  const loaderLibraries = [at('/lib/a.so'), at('/opt/b.so')];
  const linked = followLinks([{ rule, policy: { ...policy, loaderLibraries } }], LINKS);
  assert.deepEqual(linked[0]!.policy.loaderLibraries, [...loaderLibraries, at('/usr/lib/a.so')]);
  assert.equal(linked[1]!.policy, linked[0]!.policy);
});

test('a rule that blocks guards the links that only other links lead to, and one that allows does not', () => {
  const guardedBy = (action: 'Block' | 'Allow', path: string, later = {}) =>
    followLinks([bind({ match: { kind: 'exact', path }, action })], DEEP, { later }).map((each) => each.guardedLinks);
  assert.deepEqual(guardedBy('Block', '/bin/python3'), [['/usr/bin/python3'], undefined]);
  assert.deepEqual(guardedBy('Block', '/usr/bin/python3'), [undefined, undefined]);
  assert.deepEqual(guardedBy('Allow', '/bin/python3'), [undefined, undefined]);
  assert.deepEqual(guardedBy('Block', '/bin/python3', { '/usr/bin/python3.11': '/opt/python' })[0], [
    '/usr/bin/python3',
    '/usr/bin/python3.11',
  ]);
});
