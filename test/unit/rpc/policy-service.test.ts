import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import {
  AccessClass,
  Action,
  Direction,
  Mode,
  type Policy,
  PolicyChange_Kind,
  PolicyOrigin,
  type Posture,
  Scope,
  type SyncPoliciesRequest,
} from '../../../src/generated/hauberk/v1/policy.js';
import { makePolicy, makeRule } from '../../support/policy-messages.js';
import { answerOf, FIRST_PAGE, manifest, policyClient, refusal, serveAll } from './support.js';

async function start(test: TestContext) {
  const { server, plane } = await serveAll(test);
  const client = policyClient(test, server);
  return {
    client,
    plane,
    applyManifest: (value: string, expectedVersions: Record<string, bigint> = {}) =>
      answerOf(client, (c) => c.applyPolicy, { source: { $case: 'manifest', value }, expectedVersions, force: false }),
    applyPolicy: (value: Policy) =>
      answerOf(client, (c) => c.applyPolicy, {
        source: { $case: 'policy', value },
        expectedVersions: {},
        force: false,
      }),
    applyNothing: () =>
      answerOf(client, (c) => c.applyPolicy, { source: undefined, expectedVersions: {}, force: false }),
    validate: (value: string) =>
      answerOf(client, (c) => c.validatePolicy, { source: { $case: 'manifest', value }, force: false }),
    sync: (request: Partial<SyncPoliciesRequest>) =>
      answerOf(client, (c) => c.syncPolicies, {
        manifest: '',
        policies: [],
        expectedRevision: 0n,
        force: false,
        ...request,
      }),
    setPosture: (namespace: string, postures: Posture[]) =>
      answerOf(client, (c) => c.setPosture, { namespace, postures }),
    postures: () => answerOf(client, (c) => c.listPostures, FIRST_PAGE),
    remove: (name: string, namespace = '', expectedVersion = 0n) =>
      answerOf(client, (c) => c.deletePolicy, { name, namespace, expectedVersion, scope: Scope.UNSPECIFIED }),
    get: (name: string, namespace = '') =>
      answerOf(client, (c) => c.getPolicy, { name, namespace, scope: Scope.UNSPECIFIED, pageToken: '' }),
    list: (namespace = '') => answerOf(client, (c) => c.listPolicies, { namespace, ...FIRST_PAGE }),
  };
}

const webServer = {
  id: 'c1',
  name: 'web-1',
  namespace: 'default',
  labels: { app: 'web' },
  origin: 'registered',
} as const;

describe('ApplyPolicy with a manifest', () => {
  test('returns for each policy what happened and which containers it reaches', async (t) => {
    const { applyManifest, plane } = await start(t);
    await plane.tracker.register(webServer, { pid: process.pid });
    const first = await applyManifest(manifest('one'));
    assert.deepEqual(first.changes, [
      {
        namespace: 'default',
        name: 'one',
        kind: PolicyChange_Kind.CREATED,
        containerIds: ['c1'],
        containerCount: 1n,
        origin: PolicyOrigin.RPC,
        warnings: [],
        resourceVersion: 2n,
        scope: Scope.NAMESPACE,
        conflicts: [],
        previousVersion: 0n,
        holders: undefined,
      },
    ]);
    const second = await applyManifest(`${manifest('one')}---\n${manifest('two', '/etc/passwd', 'other')}`);
    assert.deepEqual(
      second.changes.map(({ namespace, name, kind, containerIds }) => [namespace, name, kind, containerIds]),
      [
        ['default', 'one', PolicyChange_Kind.UNCHANGED, ['c1']],
        ['other', 'two', PolicyChange_Kind.CREATED, []],
      ],
    );
    const third = await applyManifest(manifest('one', '/etc/hosts'));
    assert.equal(third.changes[0]?.kind, PolicyChange_Kind.UPDATED);
  });

  test('skips other kinds on request, and returns their number', async (t) => {
    const { client } = await start(t);
    const value = `${manifest('one')}---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\n`;
    const source = { $case: 'manifest', value } as const;
    await assert.rejects(answerOf(client, (c) => c.validatePolicy, { source, force: false }));
    const validated = await answerOf(client, (c) => c.validatePolicy, { source, force: false, ignoreForeign: true });
    const request = { source, force: false, expectedVersions: {}, ignoreForeign: true };
    const applied = await answerOf(client, (c) => c.applyPolicy, request);
    assert.deepEqual([validated.ignored, applied.ignored, applied.changes.length], [1, 1, 1]);
  });

  test('handles long requests, which are parsed in a thread, like short ones', async (t) => {
    const { client, applyManifest, plane } = await start(t);
    await plane.tracker.register(webServer, { pid: process.pid });
    await applyManifest(manifest('a'));
    const value = `${manifest('b')}---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\n`;
    const answers = [value, `${value}#${'-'.repeat(8192)}\n`].map((text) => {
      const source = { $case: 'manifest', value: text } as const;
      return answerOf(client, (c) => c.validatePolicy, { source, force: false, ignoreForeign: true });
    });
    const [short, long] = await Promise.all(answers);
    assert.deepEqual(long, short);
    assert.equal(long!.ignored, 1);
    assert.match(
      long!.changes[0]!.warnings.join('\n'),
      /^line \d+, column \d+: file\.matchPaths\[0\] never decides: /mu,
    );
    const sync = { manifest: `${value}#${'-'.repeat(8192)}\n`, policies: [], expectedRevision: 0n, force: false };
    await assert.rejects(answerOf(client, (c) => c.syncPolicies, sync));
    const synced = await answerOf(client, (c) => c.syncPolicies, { ...sync, ignoreForeign: true });
    assert.deepEqual([synced.ignored, synced.changes.length], [1, 2]);
  });

  test('refuses selectors that are too costly together, and accepts each alone', async (t) => {
    const { validate } = await start(t);
    const named = (name: string) =>
      manifest(name).replace(
        /matchLabels:\n.*\n/u,
        `matchLabels: {kubearmor.io/container.name: "${'(a|b)'.repeat(40)}"}\n`,
      );
    const names = Array.from({ length: 30 }, (_, number) => `p${number}`);
    const { code, message } = await refusal(validate(names.map(named).join('---\n')));
    const text =
      'regular expressions of names in selectors come to 6000 characters, at most 4096 are accepted in one request';
    assert.deepEqual([code, message], ['RESOURCE_EXHAUSTED', text]);
    assert.equal((await validate(named('p'))).changes.length, 1);
  });

  test('returns warnings', async (t) => {
    const { applyManifest } = await start(t);
    const { changes } = await applyManifest(manifest('one').replace(/matchLabels:\n.*\n/u, 'matchLabels: {}\n'));
    assert.deepEqual(changes[0]?.warnings, [
      'line 8, column 5: spec.selector is empty, so the policy reaches every container of namespace `default`',
      'the selector reaches no container at present',
    ]);
  });

  test('names every problem with field, line and column, and changes nothing', async (t) => {
    const { applyManifest, plane } = await start(t);
    const text = `${manifest('good')}---\n${manifest('bad', 'etc/shadow').replace('Block', 'Blokc')}`;
    assert.deepEqual(await refusal(applyManifest(text)), {
      code: 'INVALID_ARGUMENT',
      message: [
        'line 26, column 15: document 2: spec.file.matchPaths[0].path: must be absolute, that is start with `/`',
        'line 27, column 11: document 2: spec.action: must be one of `Allow`, `Audit`, `Block`, not `Blokc`, ' +
          'did you mean `Block`?',
      ].join('\n'),
      violations: [
        ['document 2: spec.file.matchPaths[0].path', 'line 26, column 15: must be absolute, that is start with `/`'],
        [
          'document 2: spec.action',
          'line 27, column 11: must be one of `Allow`, `Audit`, `Block`, not `Blokc`, did you mean `Block`?',
        ],
      ],
    });
    assert.deepEqual(plane.policies.list(), []);
  });

  test('refuses an empty manifest and a request without source', async (t) => {
    const { applyManifest, applyNothing } = await start(t);
    assert.deepEqual(await refusal(applyManifest('')), {
      code: 'INVALID_ARGUMENT',
      message: 'manifest: must not be empty',
      violations: [['manifest', 'must not be empty']],
    });
    assert.deepEqual(await refusal(applyNothing()), {
      code: 'INVALID_ARGUMENT',
      message: 'source: one of manifest and policy must be set',
      violations: [['source', 'one of manifest and policy must be set']],
    });
  });

  test('handles a manifest with half a surrogate pair', async (t) => {
    const { applyManifest, list } = await start(t);
    const { code, message } = await refusal(applyManifest(manifest('one').replace('Block', '"\\ud800"')));
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.match(message, /not `\ufffd`/u);
    assert.deepEqual((await list()).policies, []);
  });
});

describe('ApplyPolicy with a typed policy', () => {
  test('fills in the defaults of a manifest', async (t) => {
    const { applyPolicy, get } = await start(t);
    const { changes } = await applyPolicy(makePolicy());
    assert.deepEqual(changes, [
      {
        namespace: 'default',
        name: 'typed',
        kind: PolicyChange_Kind.CREATED,
        containerIds: [],
        containerCount: 0n,
        origin: PolicyOrigin.RPC,
        resourceVersion: 1n,
        scope: Scope.NAMESPACE,
        warnings: ['the selector reaches no container at present'],
        conflicts: [],
        previousVersion: 0n,
        holders: undefined,
      },
    ]);
    const { policy } = await get('typed');
    assert.deepEqual(policy, {
      name: 'typed',
      namespace: 'default',
      selector: { matchLabels: { app: 'web' }, matchExpressions: [] },
      rules: [makeRule({ id: 'file.matchPaths[0]', action: Action.BLOCK, severity: 1 })],
      resourceVersion: 1n,
      scope: Scope.NAMESPACE,
      priority: 0,
      mode: Mode.ENFORCE,
      guardsOff: false,
      loaderLibraries: [],
      expires: undefined,
      message: '',
      tags: [],
      rulesLeftOut: false,
      origin: PolicyOrigin.RPC,
      heldDescriptorsLeft: undefined,
    });
  });

  test('keeps the exemption of held files, as a manifest and typed', async (t) => {
    const { applyManifest, applyPolicy, get } = await start(t);
    await applyManifest(manifest('one').replace('  file:', '  heldDescriptors: leave\n  file:'));
    const { policy } = await get('one');
    assert.equal(policy!.heldDescriptorsLeft, true);
    await applyPolicy(makePolicy({ ...policy!, name: 'two' }));
    const typed = await get('two');
    assert.deepEqual([typed.policy!.heldDescriptorsLeft, /heldDescriptors: leave/u.test(typed.manifest)], [true, true]);
    await applyManifest(manifest('one').replace('  file:', '  heldDescriptors: refuse\n  file:'));
    assert.equal((await get('one')).policy!.heldDescriptorsLeft, undefined);
  });

  test('keeps loader libraries, as a manifest and typed, and reports an invalid one', async (t) => {
    const { applyManifest, applyPolicy, get } = await start(t);
    const libraries = 'loaderLibraries: [{path: /opt/a.so}, {dir: /opt/agent/, recursive: true}]';
    await applyManifest(manifest('one').replace('  file:', `  ${libraries}\n  file:`));
    const { policy } = await get('one');
    assert.deepEqual(policy!.loaderLibraries, [
      { match: { $case: 'path', value: '/opt/a.so' } },
      { match: { $case: 'directory', value: { directory: '/opt/agent/', recursive: true } } },
    ]);
    await applyPolicy(makePolicy({ ...policy!, name: 'two' }));
    assert.deepEqual((await get('two')).policy!.loaderLibraries, policy!.loaderLibraries);
    const wrong = [{ match: { $case: 'path' as const, value: 'a.so' } }];
    await assert.rejects(
      applyPolicy(makePolicy({ ...policy!, loaderLibraries: wrong })),
      /loader_libraries\[0\]\.path/,
    );
  });

  test('keeps every field of every kind of rule', async (t) => {
    const { applyPolicy, get } = await start(t);
    const rules = [
      makeRule({
        id: 'process.matchDirectories[0]',
        class: AccessClass.PROCESS,
        match: { $case: 'directory', value: { directory: '/opt/bin/', recursive: true } },
        fromSource: ['/bin/sh', '/bin/bash'],
        action: Action.AUDIT,
        ownerOnly: true,
        severity: 3,
      }),
      makeRule({
        id: 'file.matchPaths[0]',
        action: Action.ALLOW,
        readOnly: true,
        severity: 10,
        tags: ['a', 'b'],
        message: 'hello',
      }),
      makeRule({
        id: 'file.matchDirectories[0]',
        match: { $case: 'directory', value: { directory: '/etc/', recursive: false } },
        action: Action.BLOCK,
        severity: 1,
      }),
      makeRule({
        id: 'file.matchPatterns[0]',
        match: { $case: 'pattern', value: '/srv/*.key' },
        action: Action.BLOCK,
        severity: 2,
      }),
      makeRule({
        id: 'network.matchProtocols[0]',
        class: AccessClass.NETWORK,
        match: { $case: 'protocol', value: 'icmp' },
        fromSource: ['/bin/ping'],
        action: Action.BLOCK,
        severity: 2,
      }),
      makeRule({
        id: 'network.matchFamilies[0]',
        class: AccessClass.NETWORK,
        match: { $case: 'family', value: 'netlink' },
        action: Action.AUDIT,
        severity: 2,
      }),
      makeRule({
        id: 'network.matchEndpoints[0]',
        class: AccessClass.NETWORK,
        match: {
          $case: 'endpoint',
          value: { protocol: 'tcp', cidr: '10.0.0.0/8', ports: '80-90', direction: Direction.EGRESS },
        },
        action: Action.ALLOW,
        severity: 2,
      }),
      makeRule({
        id: 'network.matchDNSQueries[0]',
        class: AccessClass.NETWORK,
        match: { $case: 'domain', value: '*.example.com' },
        fromSource: ['/bin/wget'],
        action: Action.BLOCK,
        severity: 2,
      }),
      makeRule({
        id: 'capabilities.matchCapabilities[0]',
        class: AccessClass.CAPABILITY,
        match: { $case: 'capability', value: 'net_raw' },
        action: Action.BLOCK,
        severity: 2,
      }),
      makeRule({
        id: 'filesystems.matchTypes[0]',
        class: AccessClass.FILESYSTEM,
        match: { $case: 'filesystem', value: 'proc' },
        fromSource: ['/opt/**', '/bin/'],
        action: Action.BLOCK,
        severity: 2,
      }),
      makeRule({
        id: 'mounts.matchMounts[0]',
        class: AccessClass.MOUNT,
        match: {
          $case: 'mount',
          value: {
            target: { match: { $case: 'directory', value: { directory: '/mnt/', recursive: true } } },
            type: 'tmpfs',
            operation: 'unmount',
          },
        },
        action: Action.AUDIT,
        severity: 2,
      }),
      makeRule({
        id: 'ptrace.matchProcesses[0]',
        class: AccessClass.PTRACE,
        match: {
          $case: 'trace',
          value: { target: { match: { $case: 'pattern', value: '/usr/*/sshd' } }, operation: 'attach' },
        },
        action: Action.BLOCK,
        severity: 2,
      }),
      makeRule({
        id: 'namespaces.matchNamespaces[0]',
        class: AccessClass.NAMESPACES,
        match: { $case: 'kernelNamespace', value: 'user' },
        action: Action.BLOCK,
        severity: 2,
      }),
      makeRule({
        id: 'presets[0]',
        class: AccessClass.PRESET,
        match: { $case: 'preset', value: 'drift' },
        action: Action.BLOCK,
        severity: 2,
        except: [
          { match: { $case: 'path', value: '/sbin/init' } },
          { match: { $case: 'directory', value: { directory: '/v/', recursive: true } } },
        ],
      }),
      makeRule({
        id: 'syscalls.matchSyscalls[0]',
        class: AccessClass.SYSTEM_CALL,
        match: { $case: 'systemCall', value: { names: ['kill', 'unlinkat'], path: '', recursive: false } },
        fromSource: ['/bin/'],
        action: Action.AUDIT,
        severity: 2,
      }),
      makeRule({
        id: 'syscalls.matchPaths[0]',
        class: AccessClass.SYSTEM_CALL,
        match: { $case: 'systemCall', value: { names: ['unlinkat'], path: '/tmp/', recursive: true } },
        action: Action.AUDIT,
        severity: 2,
      }),
    ];
    rules[1] = { ...rules[1]!, operations: ['read', 'map'], readOnly: false, terminal: true };
    rules.unshift(
      makeRule({
        id: 'process.matchPaths[0]',
        class: AccessClass.PROCESS,
        match: { $case: 'programName', value: 'apt' },
        allowedArguments: { arguments: ['-y', 'list'] },
        action: Action.BLOCK,
        severity: 2,
      }),
    );
    await applyPolicy(makePolicy({ namespace: 'shop', rules }));
    const { policy, manifest: text } = await get('typed', 'shop');
    assert.deepEqual(policy?.rules, rules);
    assert.match(text, /^kind: KubeArmorPolicy$/mu);
    assert.match(text, /dir: \/opt\/bin\//u);
  });

  test('keeps the fields of the policy itself, for every scope', async (t) => {
    const { applyPolicy, plane } = await start(t);
    const expires = { seconds: 4_000_000_000n, nanos: 0 };
    const matchExpressions = [{ key: 'namespace', operator: 'NotIn', values: ['kube-system'] }];
    const selector = { matchLabels: {}, matchExpressions };
    await applyPolicy(makePolicy({ scope: Scope.CLUSTER, selector, priority: -7, mode: Mode.PERMISSIVE, expires }));
    await applyPolicy(makePolicy({ scope: Scope.HOST }));
    const [cluster, host] = plane.policies.list();
    assert.deepEqual(
      [cluster!.scope, cluster!.namespace, cluster!.priority, cluster!.mode, cluster!.expires],
      ['cluster', '', -7, 'audit', 4e12],
    );
    assert.deepEqual(cluster!.matchExpressions, matchExpressions);
    assert.equal(host!.scope, 'host');
    for (const policy of [cluster!, host!]) {
      assert.deepEqual(
        plane.policies.readManifest(await plane.policies.manifestInTimeSlices(policy))[0]!.policy,
        policy,
      );
    }
  });

  test('names missing and unknown values by their field, and changes nothing', async (t) => {
    const { applyPolicy, plane } = await start(t);
    const rules = [
      makeRule(),
      makeRule({ class: AccessClass.UNSPECIFIED, match: undefined }),
      makeRule({ class: AccessClass.NETWORK, action: 9 as Action }),
      makeRule({ match: { $case: 'pattern', value: '/a*' }, fromSource: ['/bin/sh'] }),
      makeRule({ class: AccessClass.PROCESS, readOnly: true }),
      makeRule({ class: AccessClass.NETWORK, match: { $case: 'protocol', value: 'tcp,udp' } }),
    ];
    const { code, violations } = await refusal(applyPolicy(makePolicy({ name: '', selector: undefined, rules })));
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.deepEqual(violations, [
      ['policy.name', 'must not be empty'],
      ['policy.selector', 'must be set; an empty selector reaches every container of the namespace'],
      [
        'policy.rules[1].class',
        'must be ACCESS_CLASS_PROCESS, ACCESS_CLASS_FILE, ACCESS_CLASS_NETWORK, ACCESS_CLASS_CAPABILITY, ACCESS_CLASS_FILESYSTEM, ACCESS_CLASS_MOUNT, ' +
          'ACCESS_CLASS_PTRACE, ACCESS_CLASS_NAMESPACES, ACCESS_CLASS_PRESET or ACCESS_CLASS_SYSTEM_CALL',
      ],
      ['policy.rules[2].match', 'one of protocol, family, endpoint, domain must be set'],
      ['policy.rules[2].action', 'must be ACTION_ALLOW, ACTION_AUDIT or ACTION_BLOCK'],
      ['policy.rules[3].from_source', 'cannot be combined with a pattern'],
      ['policy.rules[4].read_only', 'is for FILE rules only'],
      ['policy.rules[5].protocol', 'must be one value: each has a rule of its own'],
    ]);
    assert.deepEqual(plane.policies.list(), []);
  });

  test('refuses a policy without rules', async (t) => {
    const { applyPolicy } = await start(t);
    const { violations } = await refusal(applyPolicy(makePolicy({ rules: [] })));
    assert.deepEqual(violations, [['policy.rules', 'at least one rule is required']]);
  });

  test('reports errors of a rule on system calls by the field of the message', async (t) => {
    const { applyPolicy } = await start(t);
    const refused = async (value: { names: string[]; path: string; recursive: boolean }, action = Action.AUDIT) => {
      const match = { $case: 'systemCall', value } as const;
      const rules = [makeRule({ class: AccessClass.SYSTEM_CALL, match, action })];
      return (await refusal(applyPolicy(makePolicy({ rules })))).violations.map(([field]) => field).sort();
    };
    assert.deepEqual(await refused({ names: ['execve', 'kill'], path: 'tmp', recursive: false }, Action.BLOCK), [
      'policy.rules[0].action',
      'policy.rules[0].system_call.names[1]',
      'policy.rules[0].system_call.path',
    ]);
    assert.deepEqual(await refused({ names: [], path: '', recursive: false }), ['policy.rules[0].system_call.names']);
    assert.deepEqual(await refused({ names: ['kill'], path: '', recursive: true }), [
      'policy.rules[0].system_call.recursive',
    ]);
  });

  test('reports what the policy language refuses by the field of the message', async (t) => {
    const { applyPolicy, plane } = await start(t);
    const rules = [
      makeRule({ class: AccessClass.PROCESS }),
      makeRule({ match: { $case: 'path', value: 'relative' }, fromSource: ['/bin/sh', 'sh'] }),
      makeRule({ class: AccessClass.PROCESS, severity: 11 }),
      makeRule({ match: { $case: 'directory', value: { directory: '/no/slash', recursive: true } } }),
      makeRule({ match: { $case: 'pattern', value: '/a[' } }),
      makeRule({ class: AccessClass.CAPABILITY, match: { $case: 'capability', value: 'net_row' } }),
      makeRule({
        class: AccessClass.NETWORK,
        match: {
          $case: 'endpoint',
          value: { protocol: 'icmp', cidr: '10.0.0.1/8', ports: '9-1', direction: 7 as Direction },
        },
      }),
    ];
    const { code, message, violations } = await refusal(applyPolicy(makePolicy({ name: 'Upper', rules })));
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.deepEqual(violations.map(([field]) => field).sort(), [
      'policy.name',
      'policy.rules[1].from_source[1]',
      'policy.rules[1].path',
      'policy.rules[2].severity',
      'policy.rules[3].directory.directory',
      'policy.rules[4].pattern',
      'policy.rules[5].capability',
      'policy.rules[6].endpoint.cidr',
      'policy.rules[6].endpoint.direction',
      'policy.rules[6].endpoint.ports',
      'policy.rules[6].endpoint.protocol',
    ]);
    assert.match(message, /^policy\.rules\[2\]\.severity: must be a whole number from 1 to 10$/mu);
    assert.deepEqual(plane.policies.list(), []);
  });
});

describe('ValidatePolicy', () => {
  test('returns what ApplyPolicy would return, and changes nothing', async (t) => {
    const { applyManifest, validate, list } = await start(t);
    await applyManifest(manifest('one'));
    const { changes } = await validate(`${manifest('one', '/etc/hosts')}---\n${manifest('two')}`);
    assert.deepEqual(
      changes.map(({ name, kind }) => [name, kind]),
      [
        ['one', PolicyChange_Kind.UPDATED],
        ['two', PolicyChange_Kind.CREATED],
      ],
    );
    const { policies } = await list();
    assert.deepEqual(
      policies.map(({ name, resourceVersion, rules }) => [name, resourceVersion, rules[0]?.match]),
      [['one', 1n, { $case: 'path', value: '/etc/shadow' }]],
    );
  });

  test('refuses what ApplyPolicy would refuse, also a pattern that is too complex for any container', async (t) => {
    const { validate, applyManifest } = await start(t);
    const broken = manifest('one', 'relative');
    assert.deepEqual(await refusal(validate(broken)), await refusal(applyManifest(broken)));
    const pattern = `/**a${'?'.repeat(30)}b`;
    const complex = manifest('one')
      .replace('matchPaths', 'matchPatterns')
      .replace('path: /etc/shadow', `pattern: '${pattern}'`);
    const refused = await refusal(validate(complex));
    assert.equal(refused.code, 'RESOURCE_EXHAUSTED');
    assert.deepEqual(await refusal(applyManifest(complex)), refused);
  });
});

describe('SyncPolicies', () => {
  test('replaces the policies by those of the request, and deletes all others', async (t) => {
    const { applyManifest, sync, list } = await start(t);
    await applyManifest(`${manifest('a')}---\n${manifest('b')}---\n${manifest('c')}`);
    const { changes, revision } = await sync({
      manifest: `${manifest('a')}---\n${manifest('b', '/etc/hosts')}`,
      policies: [makePolicy({ name: 'd' })],
    });
    const { CREATED, DELETED, UNCHANGED, UPDATED } = PolicyChange_Kind;
    assert.deepEqual(
      changes.map(({ name, kind, resourceVersion }) => [name, kind, resourceVersion]),
      [
        ['a', UNCHANGED, 1n],
        ['b', UPDATED, 2n],
        ['d', CREATED, 2n],
        ['c', DELETED, 0n],
      ],
    );
    assert.equal(revision, 2n);
    assert.deepEqual(
      (await list()).policies.map(({ name }) => name),
      ['a', 'b', 'd'],
    );
    assert.equal((await sync({})).revision, 3n);
    assert.deepEqual((await list()).policies, []);
  });

  test('is refused as a whole for one invalid policy, or for one given twice', async (t) => {
    const { applyManifest, sync, list } = await start(t);
    await applyManifest(manifest('a'));
    const bad = await refusal(sync({ manifest: manifest('b'), policies: [makePolicy(), makePolicy({ rules: [] })] }));
    assert.deepEqual(bad.violations, [['policies[1].rules', 'at least one rule is required']]);
    const twice = await refusal(sync({ manifest: manifest('typed'), policies: [makePolicy()] }));
    assert.deepEqual(twice.violations, [['policies', 'policy default/typed is given twice']]);
    assert.deepEqual(
      (await list()).policies.map(({ name }) => name),
      ['a'],
    );
  });

  test('is aborted when a policy has changed since the expected revision', async (t) => {
    const { applyManifest, sync } = await start(t);
    await applyManifest(manifest('a'));
    const { revision } = await applyManifest(manifest('b'));
    const { code, message } = await refusal(sync({ expectedRevision: 1n }));
    assert.deepEqual([code, message], ['ABORTED', 'policies have changed since revision 1, at 2']);
    assert.equal((await sync({ expectedRevision: revision })).revision, 3n);
  });
});

describe('resource versions', () => {
  test('a change is aborted when the policy is not as expected', async (t) => {
    const { applyManifest, remove, list } = await start(t);
    await applyManifest(manifest('one'), { 'default/one': 0n });
    const exists = await refusal(applyManifest(manifest('one', '/x'), { 'default/one': 0n }));
    assert.deepEqual(
      [exists.code, exists.message],
      ['ABORTED', 'policy default/one has resource version 1, it was expected not to exist'],
    );
    const absent = await refusal(applyManifest(manifest('one', '/x'), { 'default/two': 4n }));
    assert.equal(absent.message, 'policy default/two does not exist, it was expected to have 4');
    await applyManifest(manifest('one', '/x'), { 'default/one': 1n });
    assert.equal((await refusal(remove('one', '', 1n))).code, 'ABORTED');
    await remove('one', '', 2n);
    assert.deepEqual((await list()).policies, []);
  });
});

describe('SetPosture', () => {
  const blockFiles = { class: AccessClass.FILE, action: Action.BLOCK };
  const defaults = [
    { class: AccessClass.PROCESS, action: Action.BLOCK },
    { class: AccessClass.FILE, action: Action.AUDIT },
    { class: AccessClass.NETWORK, action: Action.BLOCK },
    { class: AccessClass.CAPABILITY, action: Action.AUDIT },
  ];

  test('a namespace has its own postures until they are reset', async (t) => {
    const { applyManifest, setPosture, postures, plane } = await start(t);
    await plane.tracker.register(webServer, { pid: process.pid });
    await applyManifest(manifest('one').replace('Block', 'Allow'));
    const inForce = () => plane.containers.ruleSetOf(plane.containers.get('c1')!).postures.write;
    assert.equal(inForce(), 'audit');
    const before = plane.containers.imageIdOf(plane.containers.get('c1')!);
    assert.deepEqual(await setPosture('default', [blockFiles]), { revision: 3n });
    assert.equal(inForce(), 'block');
    assert.ok(plane.containers.imageIdOf(plane.containers.get('c1')!) > before);
    assert.deepEqual(await postures(), {
      defaults,
      namespaces: [{ namespace: 'default', postures: [blockFiles], origin: PolicyOrigin.RPC }],
      nextPageToken: '',
    });
    await setPosture('default', []);
    assert.equal(inForce(), 'audit');
    assert.deepEqual(await postures(), { defaults, namespaces: [], nextPageToken: '' });
  });

  test('names every invalid field', async (t) => {
    const { setPosture } = await start(t);
    const { violations } = await refusal(
      setPosture('Shop', [blockFiles, blockFiles, { class: 9 as AccessClass, action: Action.ALLOW }]),
    );
    assert.deepEqual(
      violations.map(([field]) => field),
      ['namespace', 'postures[1].class', 'postures[2].class', 'postures[2].action'],
    );
  });
});

describe('DeletePolicy', () => {
  test('deletes the policy and returns the containers that it reached', async (t) => {
    const { applyManifest, remove, plane } = await start(t);
    await plane.tracker.register(webServer, { pid: process.pid });
    await applyManifest(manifest('one'));
    assert.deepEqual(await remove('one'), { containerIds: ['c1'], containerCount: 1n, revision: 3n });
    assert.deepEqual(plane.policies.list(), []);
  });

  test('returns NOT_FOUND for an unknown policy', async (t) => {
    const { remove } = await start(t);
    assert.deepEqual(await refusal(remove('one', 'shop')), {
      code: 'NOT_FOUND',
      message: 'no policy shop/one',
      violations: [],
    });
  });

  test('needs a name', async (t) => {
    const { remove } = await start(t);
    assert.deepEqual((await refusal(remove(''))).violations, [['name', 'must not be empty']]);
  });
});

describe('GetPolicy', () => {
  test('shows the policy, its manifest and the containers it reaches', async (t) => {
    const { applyManifest, get, plane } = await start(t);
    await plane.tracker.register(webServer, { pid: process.pid });
    await applyManifest(manifest('one'));
    const { policy, manifest: text, containerIds } = await get('one');
    assert.equal(policy?.rules[0]?.id, 'file.matchPaths[0]');
    assert.deepEqual(containerIds, ['c1']);
    const again = await applyManifest(text);
    assert.equal(again.changes[0]?.kind, PolicyChange_Kind.UNCHANGED);
  });

  test('returns NOT_FOUND for an unknown policy, and needs a name', async (t) => {
    const { get } = await start(t);
    const missing = await refusal(get('one'));
    assert.deepEqual([missing.code, missing.message], ['NOT_FOUND', 'no policy default/one']);
    assert.deepEqual((await refusal(get(''))).violations, [['name', 'must not be empty']]);
  });
});

describe('ListPolicies', () => {
  test('lists one namespace or all of them', async (t) => {
    const { applyManifest, list } = await start(t);
    await applyManifest(`${manifest('b')}---\n${manifest('a', '/x', 'shop')}---\n${manifest('a')}`);
    const keys = async (namespace: string) =>
      (await list(namespace)).policies.map((policy) => `${policy.namespace}/${policy.name}`);
    assert.deepEqual(await keys(''), ['default/a', 'default/b', 'shop/a']);
    assert.deepEqual(await keys('shop'), ['shop/a']);
    assert.deepEqual(await keys('none'), []);
  });
});

describe('Explain', () => {
  const requested = {
    operation: 'read',
    object: '/etc/shadow',
    filesystem: '',
    socket: undefined,
    program: '',
    notOwner: false,
    terminal: false,
    arguments: [],
    newPath: '',
    parentProgram: '',
  };

  test('names the rule that would decide for a container that does not run yet, and why others would not', async (t) => {
    const { applyManifest, client } = await start(t);
    await applyManifest(`${manifest('one')}---\n${manifest('two', '/etc')}`);
    const container = { namespace: '', labels: { app: 'web' } };
    const answer = await answerOf(client, (c) => c.explain, {
      ...requested,
      subject: { $case: 'container', value: container },
    });
    assert.equal(answer.action, Action.BLOCK);
    assert.equal(answer.decidedBy?.$case === 'rule' && answer.decidedBy.value.policy, 'one');
    const other = await answerOf(client, (c) => c.explain, {
      ...requested,
      subject: { $case: 'container', value: { namespace: 'other', labels: {} } },
    });
    assert.deepEqual([other.action, other.decidedBy], [Action.ALLOW, undefined]);
  });

  test('returns some of the rules that did not decide, by precedence, and their number', async (t) => {
    const { applyManifest, client } = await start(t);
    const reading = manifest('many', '/etc/shadow');
    const dirs = Array.from(
      { length: 150 },
      (_, index) => `      - dir: /etc/\n        recursive: true\n        severity: ${1 + (index % 9)}\n`,
    );
    const others = Array.from(
      { length: 30 },
      () => '      - path: /etc/shadow\n        fromSource: [{path: /bin/cat}]\n',
    );
    await applyManifest(reading.replace('  action:', `    matchDirectories:\n${dirs.join('')}  action:`));
    await applyManifest(manifest('others').replace('      - path: /etc/shadow\n', others.join('')));
    const { overridden, omittedOverridden } = await answerOf(client, (c) => c.explain, {
      ...requested,
      subject: { $case: 'container', value: { namespace: '', labels: { app: 'web' } } },
    });
    assert.equal(overridden.length, 100);
    assert.equal(omittedOverridden, 80n);
    assert.ok(overridden.every(({ rule }) => rule!.policy === 'many'));
  });

  test('explains whether a name can be queried, and its address connected to', async (t) => {
    const { applyManifest, client } = await start(t);
    const network = '  network: {action: Block, matchDNSQueries: [{domain: Example.COM.}]}\n  file:';
    await applyManifest(manifest('one').replace('  file:', network));
    const subject = { $case: 'container', value: { namespace: '', labels: { app: 'web' } } } as const;
    const decided = async (request: object) => {
      const { action, decidedBy } = await answerOf(client, (c) => c.explain, {
        ...requested,
        object: '',
        subject,
        ...request,
      });
      return [action, decidedBy?.$case === 'rule' && decidedBy.value.rule?.id];
    };
    const blocked = [Action.BLOCK, 'network.matchDNSQueries[0]'];
    assert.deepEqual(await decided({ operation: 'resolve', object: 'WWW.example.com' }), blocked);
    assert.deepEqual(await decided({ operation: 'resolve', object: 'example.org' }), [Action.ALLOW, false]);
    const call = { family: '', type: '', protocol: 0, direction: Direction.EGRESS, port: 443, address: '10.0.0.1' };
    const called = (name: string) => decided({ operation: 'communicate', socket: { ...call, name } });
    assert.deepEqual(await called('example.com'), blocked);
    assert.deepEqual(await called(''), [Action.ALLOW, false]);
  });

  test('explains renaming of a file by its new name, and use of a program by whether it may run', async (t) => {
    const { applyManifest, client } = await start(t);
    const subject = { $case: 'container', value: { namespace: '', labels: { app: 'web' } } } as const;
    const decided = async (operation: string, object: string, newPath = '') => {
      const request = { ...requested, operation, object, newPath, subject };
      const { action, decidedBy } = await answerOf(client, (c) => c.explain, request);
      return [Action[action], decidedBy?.$case === 'rule' && decidedBy.value.rule?.id];
    };
    const rules = '  guards: off\n  process: {action: Block, matchPaths: [{path: /bin/tool}]}\n  file:';
    await applyManifest(
      manifest('one')
        .replace('  file:', rules)
        .replace('- path: /etc/shadow', '- {path: /etc/shadow, operations: [read]}'),
    );
    assert.deepEqual(await decided('rename', '/etc/shadow', '/tmp/x'), ['BLOCK', 'file.matchPaths[0]']);
    assert.deepEqual(await decided('rename', '/tmp/x', '/etc/shadow'), ['ALLOW', false]);
    for (const operation of ['map', 'link', 'rename'])
      assert.deepEqual(await decided(operation, '/bin/tool'), ['BLOCK', 'process.matchPaths[0]']);
    assert.deepEqual(await decided('read', '/bin/tool'), ['ALLOW', false]);
  });

  test('explains renaming of a directory by what it would change below it', async (t) => {
    const { applyManifest, client } = await start(t);
    const subject = { $case: 'container', value: { namespace: '', labels: { app: 'web' } } } as const;
    const decided = async (object: string, newPath: string) => {
      const request = { ...requested, operation: 'rename', object, newPath, subject };
      const { action, decidedBy } = await answerOf(client, (c) => c.explain, request);
      return [Action[action], decidedBy?.$case === 'rule' && decidedBy.value.rule?.id];
    };
    await applyManifest(manifest('one', '/srv/vault/secret'));
    assert.deepEqual(await decided('/srv/vault/', '/srv/drawer/'), ['BLOCK', 'file.matchPaths[0]']);
    assert.deepEqual(await decided('/srv/drawer/', '/srv/vault/'), ['BLOCK', 'file.matchPaths[0]']);
    assert.deepEqual(await decided('/srv/drawer/', '/srv/box/'), ['ALLOW', false]);
    assert.deepEqual(await decided('/srv/drawer', '/srv/vault/secret'), ['BLOCK', 'file.matchPaths[0]']);
    await applyManifest(manifest('one', '/srv/vault/secret').replace('  file:', '  guards: off\n  file:'));
    assert.deepEqual(await decided('/srv/vault/', '/srv/drawer/'), ['ALLOW', false]);
  });

  test('explains whether a system call is reported, and whether it is for its path', async (t) => {
    const { applyManifest, client } = await start(t);
    const rules = 'matchSyscalls: [{syscall: [unlinkat]}], matchPaths: [{path: /tmp/, syscall: [unlinkat]}]';
    await applyManifest(manifest('one').replace(/file:.*$/su, `syscalls: {${rules}}\n`));
    const container = { namespace: '', labels: { app: 'web' } };
    const decided = async (object: string) => {
      const request = {
        ...requested,
        operation: 'call',
        object,
        subject: { $case: 'container', value: container },
      } as const;
      const { action, decidedBy } = await answerOf(client, (c) => c.explain, request);
      return [Action[action], decidedBy?.$case === 'rule' ? decidedBy.value.rule?.id : undefined];
    };
    assert.deepEqual(await decided('unlinkat'), ['AUDIT', 'syscalls.matchSyscalls[0]']);
    assert.deepEqual(await decided('unlinkat /tmp/a b'), ['AUDIT', 'syscalls.matchPaths[0]']);
    assert.deepEqual(await decided('unlinkat /tmp/a/b'), ['ALLOW', undefined]);
    assert.deepEqual(await decided('kill'), ['ALLOW', undefined]);
  });

  test('names every invalid field', async (t) => {
    const { client } = await start(t);
    const refused = async (request: object) =>
      (
        await refusal(answerOf(client, (c) => c.explain, { ...requested, subject: undefined, ...request }))
      ).violations.map(([field]) => field);
    const subject = { $case: 'container', value: { namespace: '', labels: {} } } as const;
    assert.deepEqual(await refused({ operation: 'peek' }), ['subject', 'operation']);
    assert.deepEqual(await refused({ subject, object: 'etc' }), ['object']);
    assert.deepEqual(await refused({ subject, newPath: '/etc/x' }), ['new_path']);
    assert.deepEqual(await refused({ subject, operation: 'rename', newPath: 'x' }), ['new_path']);
    assert.deepEqual(await refused({ subject, operation: 'communicate' }), ['socket']);
    const socket = { family: 'toString', type: 'constructor', protocol: 0, direction: 0, port: 65_536, address: 'x' };
    assert.deepEqual(await refused({ subject, operation: 'communicate', socket }), [
      ...['socket.family', 'socket.type', 'socket.port', 'socket.address'],
    ]);
    assert.deepEqual(await refused({ subject, operation: 'use', object: 'fly' }), ['object']);
    assert.deepEqual(await refused({ subject, operation: 'resolve', object: '*.example.com' }), ['object']);
    for (const object of ['', 'frobnicate', 'kill /tmp', 'unlinkat tmp'])
      assert.deepEqual(await refused({ subject, operation: 'call', object }), ['object']);
    const { code } = await refusal(
      answerOf(client, (c) => c.explain, { ...requested, subject: { $case: 'containerId', value: 'gone' } }),
    );
    assert.equal(code, 'NOT_FOUND');
  });
});
