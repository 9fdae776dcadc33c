import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Access } from '../../../src/explain/access.js';
import { type Explanation, explain } from '../../../src/explain/evaluate.js';
import { exampleAccessesOf } from '../../../src/explain/example-accesses.js';
import { Glob } from '../../../src/explain/glob.js';
import { Reviewer } from '../../../src/explain/review.js';
import type { BoundRule, Match, PathMatch, Rule } from '../../../src/policy/model.js';
import { finish } from '../../../src/steps.js';
import { bind } from '../policy/support.js';

const POSTURES = { process: 'audit', file: 'block', network: 'audit', capabilities: 'audit' } as const;
const exact = (path: string): PathMatch => ({ kind: 'exact', path });
const below = (directory: string): PathMatch => ({ kind: 'directory', directory, recursive: true });

function reading(path: string, differences: Partial<Access> = {}): Access {
  return {
    operation: 'read',
    object: { kind: 'path', path: Buffer.from(path) },
    program: Buffer.from('/bin/cat'),
    ownership: 'owner',
    terminal: false,
    arguments: [],
    ...differences,
  };
}

const numbered = (rules: readonly Partial<Rule>[]): BoundRule[] =>
  rules.map((rule, index) => bind({ id: `file.matchPaths[${index}]`, ...rule }));

function summary({ action, decider, losers }: Explanation) {
  const name =
    decider === undefined ? 'nothing' : 'rule' in decider ? decider.rule.id : `posture of ${decider.postureOf}`;
  return [action, name, ...losers.map(({ rule, reason }) => `${rule.rule.id}: ${reason}`)];
}

test('the rule that decides is named, with a reason for each other one', () => {
  const rules = numbered([
    { match: below('/etc/') },
    { match: exact('/etc/hostname'), action: 'Allow' },
    { match: exact('/etc/hostname'), sources: ['/bin/ls'] },
    { match: exact('/etc/hostname'), terminal: true },
    { match: exact('/etc/hostname'), operations: ['write'] },
    { match: exact('/etc/other') },
  ]);
  assert.deepEqual(summary(explain(rules, POSTURES, reading('/etc/hostname'))), [
    'Allow',
    'file.matchPaths[1]',
    'file.matchPaths[0]: the other comes first: it is of the more specific kind',
    'file.matchPaths[2]: it is for /bin/ls only',
    'file.matchPaths[3]: it is for processes with a terminal only',
    'file.matchPaths[4]: it says nothing of read',
  ]);
});

test('a domain covers its own name, or with a wildcard only names below it', () => {
  const asking = (name: string) => reading('', { operation: 'resolve', object: { kind: 'query', name } });
  const decided = (domain: string, name: string) => {
    const rule = bind({ class: 'network', match: { kind: 'domain', domain } });
    return explain([rule], POSTURES, asking(name)).action;
  };
  assert.deepEqual(
    ['example.com', 'www.example.com', 'badexample.com', 'com'].map((name) => decided('example.com', name)),
    ['Block', 'Block', 'Allow', 'Allow'],
  );
  assert.deepEqual(
    ['example.com', 'www.example.com', 'badexample.com'].map((name) => decided('*.example.com', name)),
    ['Allow', 'Block', 'Allow'],
  );
});

test('a rule that allows a name also allows queries to name servers, unless a rule on ports says otherwise', () => {
  const name: Match = { kind: 'domain', domain: 'example.com' };
  const allowing = bind({ id: 'network.matchDNSQueries[0]', class: 'network', match: name, action: 'Allow' });
  const blocking = bind({
    id: 'network.matchEndpoints[0]',
    class: 'network',
    match: { kind: 'endpoint', ports: '53' },
  });
  const sending = (port: number, rest = {}) => {
    const socket = { kind: 'socket', family: 2, type: 2, protocol: 17, direction: 'egress', port } as const;
    return reading('', { operation: 'communicate', object: { ...socket, address: [10, 0, 0, 1], ...rest } });
  };
  const postures = { ...POSTURES, network: 'block' } as const;
  assert.deepEqual(summary(explain([allowing], postures, sending(53))), ['Allow', 'network.matchDNSQueries[0]']);
  assert.deepEqual(summary(explain([allowing, blocking], postures, sending(53))).slice(0, 2), [
    'Block',
    'network.matchEndpoints[0]',
  ]);
  assert.equal(explain([allowing], postures, sending(443)).action, 'Block');
  assert.equal(explain([allowing], postures, sending(443, { name: 'www.example.com' })).action, 'Allow');
});

test('without a deciding rule the posture decides if a rule allows something, and otherwise nothing does', () => {
  const rules = numbered([{ match: exact('/a'), action: 'Allow' }]);
  assert.deepEqual(summary(explain(rules, POSTURES, reading('/b'))), ['Block', 'posture of file']);
  assert.deepEqual(summary(explain([], POSTURES, reading('/b'))), ['Allow', 'nothing']);
});

test('a policy in audit mode only reports, and does not lift a block by another', () => {
  const audited = bind({ match: exact('/a') }, { name: 'audited', mode: 'audit' });
  const { action, wouldBlock } = explain([audited], POSTURES, reading('/a'));
  assert.deepEqual([action, wouldBlock], ['Audit', true]);
  const letting = bind({ match: exact('/a'), action: 'Allow' }, { name: 'letting', mode: 'audit', priority: 5 });
  assert.equal(explain([letting, bind({ match: exact('/a') })], POSTURES, reading('/a')).action, 'Block');
});

test('a rule with arguments lets the program run with these only', () => {
  const rule = bind({ class: 'process', match: exact('/bin/ls'), arguments: ['-l'] });
  const running = (...given: string[]) =>
    explain([rule], POSTURES, {
      ...reading('/bin/ls'),
      operation: 'execute',
      arguments: given.map((each) => Buffer.from(each)),
    }).action;
  assert.deepEqual([running(), running('-l', '-l'), running('-a')], ['Allow', 'Allow', 'Block']);
});

test('patterns match as the language says', () => {
  const matches = (pattern: string, text: string) => new Glob(pattern).matches(Buffer.from(text));
  assert.ok(matches('/etc/*shadow', '/etc/gshadow'));
  assert.ok(!matches('/etc/*shadow', '/etc/x/shadow'));
  assert.ok(matches('/**/{a,b[0-9]}?', '/x/y/b7é'));
  assert.ok(!matches('/[!a-c]', '/b'));
  assert.ok(matches('/\\*', '/*'));
});

test('a pattern with exponential backtracking is matched quickly', () => {
  const began = process.cpuUsage().user;
  assert.ok(!new Glob(`/${'**a'.repeat(200)}`).matches(Buffer.from(`/${'a'.repeat(199)}${'b'.repeat(2000)}`)));
  assert.ok(process.cpuUsage().user - began < 5_000_000);
});

test('a rule that another makes ineffective is reported, with the reason', () => {
  const rules = [
    bind({ id: 'file.matchPaths[0]', match: exact('/etc/shadow'), action: 'Allow' }),
    bind({ id: 'file.matchDirectories[0]', match: below('/etc/') }, { name: 'strict', priority: 3 }),
  ];
  const { shadowed, conflicts } = finish(Reviewer.inSteps(rules, POSTURES, (bound) => bound === rules[1])).review(
    rules[0]!.policy,
  );
  const first = 'default/strict file.matchDirectories[0] (Block) comes first, its policy has the higher priority';
  assert.deepEqual(shadowed, [
    { id: 'file.matchPaths[0]', sentence: `file.matchPaths[0] never decides: ${first}`, winnerIn: 'other policy' },
  ]);
  assert.deepEqual(conflicts, [
    `file.matchPaths[0] and default/strict file.matchDirectories[0] (Block) disagree: ${first}`,
  ]);
});

test('rules that never decide and rules that were not compared are counted beyond the limits of what is listed', () => {
  const own = numbered(Array.from({ length: 600 }, (_, index) => ({ match: exact(`/etc/${index}`) })));
  const review = (isVoid: (place: number) => boolean, action: 'Allow' | 'Block') => {
    const other = bind({ match: below('/etc/'), action }, { name: 'strict', priority: 3 });
    const decides = (bound: BoundRule) => bound === other || !isVoid(own.indexOf(bound));
    const { shadowed, conflicts, ...counts } = finish(Reviewer.inSteps([...own, other], POSTURES, decides)).review(
      own[0]!.policy,
    );
    return { ...counts, listed: [shadowed.length, conflicts.length], last: shadowed.at(-1)?.id };
  };
  assert.deepEqual(
    review((place) => place === 550, 'Block'),
    { moreShadowed: 0, uncompared: 100, listed: [1, 0], last: 'file.matchPaths[550]' },
  );
  assert.deepEqual(
    review(() => true, 'Allow'),
    { moreShadowed: 580, uncompared: 580, listed: [20, 20], last: 'file.matchPaths[19]' },
  );
});

test('a listed rule that a link has doubled is not counted again beyond the limit', () => {
  const own = numbered(Array.from({ length: 20 }, (_, index) => ({ match: exact(`/etc/${index}`) })));
  const [first] = own;
  const twin = { ...first!, rule: { ...first!.rule, match: exact('/usr/etc/0') } };
  const { shadowed, moreShadowed } = finish(Reviewer.inSteps([...own, twin], POSTURES, () => false)).review(
    first!.policy,
  );
  assert.deepEqual([shadowed.length, moreShadowed], [20, 0]);
});

test('a void rule that a link has doubled is listed once, and not as what comes before itself', () => {
  const own = bind({ id: 'file.matchDirectories[0]', match: below('/etc/') });
  const twin = { ...own, rule: { ...own.rule, match: below('/etc/ssl/') } };
  const { shadowed } = finish(Reviewer.inSteps([own, twin], POSTURES, () => false)).review(own.policy);
  assert.deepEqual(shadowed, [
    {
      id: 'file.matchDirectories[0]',
      sentence: 'file.matchDirectories[0] never decides: no access is decided by it',
    },
  ]);
});

test('two rules of one policy that disagree are one conflict', () => {
  const own = numbered([
    { match: exact('/etc/shadow'), action: 'Allow' },
    { match: exact('/etc/shadow'), action: 'Block' },
    { match: below('/etc/'), action: 'Audit' },
  ]);
  const { conflicts } = finish(Reviewer.inSteps(own, POSTURES, () => true)).review(own[0]!.policy);
  assert.deepEqual(
    conflicts.map((each) => each.replace(/ disagree.*/u, '')),
    [
      'file.matchPaths[0] and default/sample file.matchPaths[1] (Block)',
      'file.matchPaths[0] and default/sample file.matchPaths[2] (Audit)',
      'file.matchPaths[1] and default/sample file.matchPaths[2] (Audit)',
    ],
  );
});

test('for every kind of match there is an access that it covers', () => {
  const matches: readonly (readonly [Rule['class'], Match])[] = [
    ['file', exact('/a')],
    ['file', below('/a/')],
    ['file', { kind: 'pattern', pattern: '/[a-c]{x,y}?/**/*.d' }],
    ['process', { kind: 'name', name: 'apt' }],
    ['network', { kind: 'protocol', protocol: 'icmp' }],
    ['network', { kind: 'family', family: 'netlink' }],
    ['network', { kind: 'endpoint', cidr: 'fd00::/8', ports: '80-90', direction: 'ingress' }],
    ['capabilities', { kind: 'capability', capability: 'bpf' }],
    ['filesystems', { kind: 'filesystem', type: 'proc' }],
    ['mounts', { kind: 'mount', type: 'tmpfs' }],
    ['ptrace', { kind: 'trace', operation: 'attach' }],
    ['namespaces', { kind: 'namespace', namespace: 'user' }],
    ['presets', { kind: 'preset', preset: 'protectEnv' }],
    ['presets', { kind: 'preset', preset: 'drift', except: [below('/v/')] }],
    ['syscalls', { kind: 'call', calls: ['kill', 'unlinkat'] }],
    [
      'syscalls',
      { kind: 'call', calls: ['unlinkat'], target: { kind: 'directory', directory: '/a/', recursive: true } },
    ],
  ];
  for (const [ruleClass, match] of matches) {
    const rule = bind({ class: ruleClass, match });
    const witnesses = exampleAccessesOf(rule);
    assert.ok(witnesses.length > 0, match.kind);
    for (const access of witnesses) assert.equal(explain([rule], POSTURES, access).decider, rule, match.kind);
  }
});

test('exceptions of the preset drift hold on other filesystems only, and for their own rule only', () => {
  const bound = (id: string, except?: PathMatch[]) =>
    bind({ id, class: 'presets', match: { kind: 'preset', preset: 'drift', ...(except && { except }) } });
  const deciderOf = (rules: readonly BoundRule[], path?: string) => {
    const object = {
      kind: 'behaviour' as const,
      presets: ['drift' as const],
      ...(path && { path: Buffer.from(path) }),
    };
    return explain(rules, POSTURES, reading('/', { operation: 'behave', object })).decider;
  };
  const [first, second] = [bound('presets[0]', [below('/v/'), exact('/sbin/init')]), bound('presets[1]')];
  assert.equal(deciderOf([first], '/v/tool'), undefined);
  assert.equal(deciderOf([first], '/sbin/init'), undefined);
  assert.equal(deciderOf([first], '/sbin/other'), first);
  // In the upper layer, with any name.
  assert.equal(deciderOf([first]), first);
  assert.equal(deciderOf([first, second], '/v/tool'), second);
});

test('the source of a process rule is the program that runs another or its parent, that of a file rule the acting program', () => {
  const sources = ['/bin/dash'];
  const rules = [
    bind({ id: 'process', class: 'process', match: exact('/bin/id'), sources }),
    bind({ id: 'file', match: exact('/bin/id'), sources }),
  ];
  const decided = (operation: Access['operation'], program: string, parent: string) =>
    summary(
      explain(
        rules,
        POSTURES,
        reading('/bin/id', { operation, program: Buffer.from(program), parent: Buffer.from(parent) }),
      ),
    );
  assert.deepEqual(decided('execute', '/bin/dash', ''), ['Block', 'process']);
  assert.deepEqual(decided('execute', '/bin/env', '/bin/dash'), ['Block', 'process']);
  const other = 'process: it is for /bin/dash only, or what it has forked';
  assert.deepEqual(decided('execute', '/bin/env', '/bin/bash'), ['Allow', 'nothing', other]);
  assert.deepEqual(decided('read', '/bin/env', '/bin/dash'), ['Allow', 'nothing', 'file: it is for /bin/dash only']);
});
