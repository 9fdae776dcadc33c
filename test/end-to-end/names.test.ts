import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { LEARNT_KEY_BYTES } from '../../src/kernel/learnt-names.js';
import { BPF_ANY, getPinned, lookupElement, nextKey, updateElement } from '../../src/native/libbpf.js';
import { closeDescriptor } from '../../src/native/libc.js';
import { Client, type EventStream } from '../support/client.js';
import { docker, enterMeanwhile, startContainer } from '../support/docker.js';
import { pinOfMap } from '../support/map-pin.js';
import { NameServer } from '../support/name-server.js';
import { PERL_LIBRARY, perl } from '../support/perl.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';
import { SharedDaemon } from '../support/shared-daemon.js';

/** struct learnt_name of bpf/include/maps.h. */
const LEARNT_VALUE_BYTES = 280;
const CONTAINER_START = 8;

const daemon = new SharedDaemon();
const client = new Client(daemon.address);
const names = new NameServer({
  'www.blocked.example': { address: '127.0.0.20', timeToLive: 60 },
  'good.example': { address: '127.0.0.21', timeToLive: 60 },
  'other.example': { address: '127.0.0.22', timeToLive: 60 },
  'short.good.example': { address: '127.0.0.23', timeToLive: 1 },
  'stream.good.example': { address: '127.0.0.25', timeToLive: 60 },
  'six.good.example': { address: '::1', timeToLive: 60 },
  'over-six.good.example': { address: '127.0.0.26', timeToLive: 60 },
  ...Object.fromEntries(
    [1, 2, 3].map((each) => [
      `many-${each}.example`,
      { address: `127.1.${each}.0`, timeToLive: 60, more: 199 } as const,
    ]),
  ),
  'db.shop.svc.cluster.local': { address: '127.0.0.27', timeToLive: 60 },
  'asked.good.example': { address: '127.0.0.30', timeToLive: 60 },
  'alias.good.example': { address: '127.0.0.24', timeToLive: 1, alias: 'elsewhere.example' },
});
/** More addresses than a container can have learnt at once. */
const MANY = Object.keys(names.answers).filter((name) => name.startsWith('many'));
/** Accepts connections on every loopback address. */
const server = createServer((connection) => connection.on('error', () => connection.destroy()).resume());
let events: EventStream;
let target: string;
let unread: number;

/** What the daemon has counted so far. */
async function answersUnread(): Promise<number> {
  return Number(/^hauberk_answers_unread_total (\d+)$/m.exec(await daemon.metrics())?.[1]);
}

before(async () => {
  await names.start();
  server.listen(8080, '::');
  await once(server, 'listening');
  makeProgramsImage();
  useResolver('127.0.0.1');
  const volumes = [`${PERL_LIBRARY}:${PERL_LIBRARY}:ro`, '/run/resolv.conf:/etc/resolv.conf:ro'];
  const flags = volumes.flatMap((volume) => ['-v', volume]);
  target = startContainer(PROGRAMS_IMAGE, 'target', '--label', 'app=target', ...flags);
  await daemon.start('network');
  unread = await answersUnread();
  events = await client.stream({ containerIds: [target] });
});

after(async () => {
  events?.cancel();
  client.close();
  names.stop();
  server.close();
  await daemon.release();
  docker('rm', '-f', 'target');
});

/** Makes this server the container's resolver from now on. */
function useResolver(server: string, ...settings: string[]): void {
  writeFileSync('/run/resolv.conf', [`nameserver ${server}`, ...settings, ''].join('\n'));
}

/** Runs `task` while a policy of this network section is in force. */
async function under(section: string, task: () => Promise<void> | void): Promise<void> {
  const manifest = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: sample}
spec:
  selector: {matchLabels: {app: target}}
  network: ${section}`;
  await client.call('PolicyService', 'ApplyPolicy', { manifest });
  events.clear();
  names.requested.length = 0;
  try {
    await task();
  } finally {
    await client.call('PolicyService', 'DeletePolicy', { name: 'sample' });
  }
}

/** Returns what a script prints. Its `found` resolves a name by the C library, to IPv4 unless `$_[1]` says otherwise. */
function run(script: string, variables: NodeJS.ProcessEnv = {}): Promise<string> {
  const found = `sub found { my ($error, @found) = Socket::getaddrinfo($_[0], "", { family => $_[1] // AF_INET,
      socktype => SOCK_STREAM });
    return $error ? "nothing" : (Socket::getnameinfo($found[0]{addr}, Socket::NI_NUMERICHOST()))[1] }
    sub called { my $s = make($_[0] =~ /:/ ? AF_INET6 : AF_INET, SOCK_STREAM, 0); to($s, $_[0], 8080); return $s }\n`;
  return runBy('/usr/bin/perl', found + script, variables);
}

/** Does not block this process, which also runs the server. */
async function runBy(program: string, script: string, variables: NodeJS.ProcessEnv = {}): Promise<string> {
  return (await enterMeanwhile('target', [program, '-e', perl(script)], { variables })).output.trim();
}

const REFUSED = 'Permission denied';

async function eventReported(operation: string, object: string): Promise<unknown[]> {
  const event = await events.find((each) => each.operation === operation && each.object === object);
  return [event.class, event.policy, event.rule, event.action, event.result];
}

test('queries for a blocked domain are refused, by UDP or TCP and in any case of letters, and others are not', async () => {
  await under('{matchDNSQueries: [{domain: Blocked.Example.}]}', async () => {
    for (const variables of [{}, { RES_OPTIONS: 'use-vc' }]) {
      assert.equal(await run('say found("WWW.Blocked.example")', variables), 'nothing');
      assert.deepEqual(await eventReported('resolve', 'www.blocked.example'), [
        'ACCESS_CLASS_NETWORK',
        'sample',
        'network.matchDNSQueries[0]',
        'ACTION_BLOCK',
        'RESULT_DENIED',
      ]);
      events.clear();
      assert.equal(await run('say found("good.example")', variables), '127.0.0.21');
    }
    assert.deepEqual([...new Set(names.requested)], ['good.example']);
    assert.equal(await run('called("127.0.0.20"); say "called"'), 'called');
  });
});

test('a rule on a name with a source holds for that program only', async () => {
  await under('{matchDNSQueries: [{domain: good.example, fromSource: [{path: /bin/other}]}]}', async () => {
    assert.equal(await run('say found("good.example")'), '127.0.0.21');
    const other = 'my @found = gethostbyname("good.example"); say(@found ? "found" : "nothing")';
    assert.equal(await runBy('/bin/other', other), 'nothing');
  });
});

test('with names allowed, only they can be queried and only their addresses connected to, until the TTL of the answer ends', async () => {
  await under('{action: Allow, matchDNSQueries: [{domain: good.example}]}', async () => {
    assert.equal(await run('called("127.0.0.23"); say "called"'), REFUSED);
    // An address that was reached by an alias is valid no longer than the TTL of the alias.
    const script = `my @at = map { found("$_.good.example") } "short", "alias"; my @s = map { called($_) } @at;
      say "called @at"; select(undef, undef, undef, 6); give($_, "still") for @s; say "given";
      for my $at (@at) { my $s = make(AF_INET, SOCK_STREAM, 0); connect($s, address($at, 8080)) and say "called"; say "$!" }`;
    const lines = ['called 127.0.0.23 127.0.0.24', 'given', REFUSED, REFUSED];
    assert.equal(await run(script), lines.join('\n'));
    assert.equal(await run('called(found("stream.good.example")); say "called"', { RES_OPTIONS: 'use-vc' }), 'called');
    assert.equal(await run('called("127.0.0.22"); say "called"'), REFUSED);
    assert.equal(await run('say found("other.example")'), 'nothing');
    assert.deepEqual(await eventReported('resolve', 'other.example'), [
      'ACCESS_CLASS_NETWORK',
      'DefaultPosture',
      'network',
      'ACTION_BLOCK',
      'RESULT_DENIED',
    ]);
    assert.ok(!names.requested.includes('other.example'));
  });
});

test('an allowed name of the cluster is found by a resolver that tries the search domains of a pod first', async () => {
  const searched = ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'];
  await under('{action: Allow, matchDNSQueries: [{domain: db.shop.svc.cluster.local}]}', async () => {
    useResolver('127.0.0.1', `search ${searched.join(' ')}`, 'options ndots:5');
    try {
      const script = 'my $at = found("db.shop.svc.cluster.local"); called($at); say "called $at"';
      assert.equal(await run(script), 'called 127.0.0.27');
      const name = 'db.shop.svc.cluster.local';
      assert.deepEqual(names.requested, [...searched.map((suffix) => `${name}.${suffix}`), name]);
      assert.equal(await run('say found("web.shop.svc.cluster.local")'), 'nothing');
    } finally {
      useResolver('127.0.0.1');
    }
  });
});

test('IPv6 addresses in answers are learnt, and so are answers that come over IPv6', async () => {
  await under('{action: Allow, matchDNSQueries: [{domain: good.example}]}', async () => {
    assert.equal(await run('called("::1"); say "called"'), REFUSED);
    const six = 'my $at = found("six.good.example", AF_INET6); called($at); say "called $at"';
    assert.equal(await run(six), 'called ::1');
    assert.equal(await run('called("127.0.0.26"); say "called"'), REFUSED);
    useResolver('::1');
    try {
      const overSix = 'my $at = found("over-six.good.example"); called($at); say "called $at"';
      assert.equal(await run(overSix), 'called 127.0.0.26');
    } finally {
      useResolver('127.0.0.1');
    }
  });
});

test('addresses learnt by an earlier container with the same identifiers are ignored', async () => {
  await under('{action: Allow, matchDNSQueries: [{domain: good.example}]}', async () => {
    assert.equal(await run('called(found("good.example")); say "called"'), 'called');
    const learnt = getPinned(pinOfMap(daemon.pinDirectory, 'learnt'));
    let last: Uint32Array | null = null;
    for (let key = new Uint32Array(LEARNT_KEY_BYTES / 4); nextKey(learnt, last, key) === 0; key = key.slice()) {
      const value = Buffer.alloc(LEARNT_VALUE_BYTES);
      assert.equal(lookupElement(learnt, key, value), 0);
      value.writeBigUInt64LE(value.readBigUInt64LE(CONTAINER_START) + 1n, CONTAINER_START);
      assert.equal(updateElement(learnt, key, value, BPF_ANY), 0);
      last = key;
    }
    closeDescriptor(learnt);
    assert.notEqual(last, null);
    assert.equal(await run('called("127.0.0.21"); say "called"'), REFUSED);
  });
});

test('a rule on ports decides which name servers can be queried', async () => {
  const endpoints = '[{ports: 53, action: Block}, {cidr: 127.0.0.2/32, ports: 53}]';
  await under(`{action: Allow, matchEndpoints: ${endpoints}, matchDNSQueries: [{domain: good.example}]}`, async () => {
    assert.equal(await run('say found("good.example")'), 'nothing');
    assert.deepEqual((await eventReported('connect', 'udp 127.0.0.1:53')).slice(1, 3), [
      'sample',
      'network.matchEndpoints[0]',
    ]);
    assert.equal(
      await run('my $s = make(AF_INET, SOCK_DGRAM, 0); to($s, "127.0.0.2", 53); say "connected"'),
      'connected',
    );
  });
});

test('traffic to an address from an answer is reported with the name', async () => {
  await under('{matchDNSQueries: [{domain: "*.example", action: Audit}]}', async () => {
    assert.equal(await run('called(found("good.example")); say "called"'), 'called');
    const audited = ['ACCESS_CLASS_NETWORK', 'sample', 'network.matchDNSQueries[0]', 'ACTION_AUDIT', 'RESULT_PASSED'];
    assert.deepEqual(await eventReported('resolve', 'good.example'), audited);
    assert.deepEqual(await eventReported('connect', 'tcp 127.0.0.21:8080 (good.example)'), audited);
  });
  await under('{matchDNSQueries: [{domain: good.example}]}', async () => {
    // Learnt while the other policy was in force.
    assert.equal(await run('called("127.0.0.21"); say "called"'), REFUSED);
    await eventReported('connect', 'tcp 127.0.0.21:8080 (good.example)');
  });
});

test('data to the port of name servers that is not a DNS query is refused and reported', async () => {
  await under('{matchDNSQueries: [{domain: blocked.example}]}', async () => {
    assert.equal(await run('my $s = make(AF_INET, SOCK_DGRAM, 0); message($s, "127.0.0.1", 53); say "sent"'), REFUSED);
    const { policy, rule, operation, result } = await events.find(({ policy }) => policy === 'FailClosed');
    assert.deepEqual([policy, rule, operation, result], ['FailClosed', 'unreadable', 'resolve', 'RESULT_DENIED']);
    // The length in a message of its own, before the query.
    const split = 'my $s = make(AF_INET, SOCK_STREAM, 0); to($s, "127.0.0.1", 53); give($s, "\\0\\x1d"); say "sent"';
    assert.equal(await run(split), REFUSED);
    const other = 'my $s = make(AF_INET, SOCK_DGRAM, 0); message($s, "127.0.0.1", 54); say "sent"';
    assert.equal(await run(other), 'sent');
  });
});

test('a container that learns more than its share forgets its own names, and not those of others', async () => {
  const learnt = getPinned(pinOfMap(daemon.pinDirectory, 'learnt'));
  const ofAnother = new Uint32Array(LEARNT_KEY_BYTES / 4).fill(1);
  assert.equal(updateElement(learnt, ofAnother, Buffer.alloc(LEARNT_VALUE_BYTES), BPF_ANY), 0);
  await under('{matchDNSQueries: [{domain: good.example}, {domain: "*.example", action: Audit}]}', async () => {
    assert.equal(await run('found("other.example"); called("127.0.0.22"); say "called"'), 'called');
    await eventReported('connect', 'tcp 127.0.0.22:8080 (other.example)');
    events.clear();
    await run(MANY.map((name) => `found("${name}");`).join(' '));
    assert.equal(await run('called("127.0.0.22"); say "called"'), 'called');
    // A later event shows that this one was not reported.
    await run('called(found("other.example"))');
    await eventReported('connect', 'tcp 127.0.0.22:8080 (other.example)');
    assert.equal(events.events.filter(({ object }) => object.startsWith('tcp 127.0.0.22:8080')).length, 1);
  });
  assert.equal(lookupElement(learnt, ofAnother, Buffer.alloc(LEARNT_VALUE_BYTES)), 0);
  assert.match(await daemon.metrics(), /^hauberk_names_forgotten_total [1-9]/m);
  closeDescriptor(learnt);
});

test('no answer went unread', async () => {
  assert.equal(await answersUnread(), unread);
});

test('an answer is believed only from a server that was asked, with the number and the name of the question', async () => {
  names.forgeries = [
    { address: '127.0.0.31', hasWrongNumber: true },
    { address: '127.0.0.32', name: 'unasked.good.example' },
    { address: '127.0.0.33', from: { address: '127.0.0.9', port: 53 } },
    { address: '127.0.0.34', from: { address: '127.0.0.1', port: 5353 } },
  ];
  const question = Buffer.from('\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x05asked\x04good\x07example\0\0\x01\0\x01', 'latin1');
  const answers = names.forgeries.length + 1;
  const asked = `my $s = make(AF_INET, SOCK_DGRAM, 0);
    defined(send($s, pack("H*", "${question.toString('hex')}"), 0, address("127.0.0.1", 53))) or fail();
    for (1..${answers}) { defined(recv($s, my $answer, 512, 0)) or fail() } say "answered";
    for my $last (30..34) { my $s = make(AF_INET, SOCK_STREAM, 0);
      say "$last " . (connect($s, address("127.0.0.$last", 8080)) ? "called" : $!) }`;
  await under('{action: Allow, matchDNSQueries: [{domain: good.example}]}', async () => {
    const refused = [31, 32, 33, 34].map((last) => `${last} ${REFUSED}`);
    assert.deepEqual((await run(asked)).split('\n'), ['answered', '30 called', ...refused]);
  });
  names.forgeries = [];
  // Those of the server itself are read, and rejected.
  assert.equal(await answersUnread(), unread + 2);
});
