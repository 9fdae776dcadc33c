import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { docker, enter, startContainer } from '../support/docker.js';
import { eventually } from '../support/eventually.js';
import { PERL_LIBRARY, perl } from '../support/perl.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';

const EVENTS_PER_SECOND = 200;
const EVENT_BURST = 300;

const daemon = new Daemon();
const client = new Client(daemon.address);
let events: EventStream;
let target: string;
const TCP = 'my $s = make(AF_INET, SOCK_STREAM, 0);';

before(async () => {
  makeProgramsImage();
  const flags = ['--network=none', '--cap-add=SYS_PTRACE', '-v', `${PERL_LIBRARY}:${PERL_LIBRARY}:ro`];
  target = startContainer(PROGRAMS_IMAGE, 'target', '--label', 'app=target', ...flags);
  startContainer(PROGRAMS_IMAGE, 'bystander', ...flags);
  // It goes on to listen, and accepts nothing.
  assert.equal(run(`${TCP} at($s, "127.0.0.1", 9103); hear($s); fork() or sleep(100000); say "heard"`), 'heard');
  await daemon.start(
    ...['process', 'file', 'network', 'capabilities'].flatMap((name) => [`--default-posture-${name}`, 'block']),
    `--events-per-second=${EVENTS_PER_SECOND}`,
    `--event-burst=${EVENT_BURST}`,
  );
  events = await client.stream({ containerIds: [target] });
});

after(async () => {
  events?.cancel();
  client.close();
  docker('rm', '-f', 'target', 'bystander');
  await daemon.end('SIGTERM');
});

/** Runs `task` while a policy of these sections is in force. */
async function under(spec: string, task: () => Promise<void> | void): Promise<void> {
  const manifest = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: sample}
spec:
  selector: {matchLabels: {app: target}}
${spec}`;
  const { changes } = await client.call('PolicyService', 'ApplyPolicy', { manifest });
  assert.deepEqual(changes[0].containerIds, [target]);
  events.clear();
  try {
    await task();
  } finally {
    await client.call('PolicyService', 'DeletePolicy', { name: 'sample' });
  }
}

/** Returns what a script prints in a container: its output, or why a call failed. */
function run(script: string, container = 'target', program = '/usr/bin/perl'): string {
  return enter(container, program, '-e', perl(script)).output.trim();
}

async function denied(operation: string, object: string, rule = 'network.matchProtocols[0]'): Promise<void> {
  const event = await events.find((each) => each.operation === operation && each.object === object);
  const { policy, action, result, program } = event;
  assert.deepEqual(
    { policy, rule: event.rule, action, result, program },
    { policy: 'sample', rule, action: 'ACTION_BLOCK', result: 'RESULT_DENIED', program: '/usr/bin/perl' },
  );
}

const REFUSED = 'Permission denied';
const UDP = 'my $s = make(AF_INET, SOCK_DGRAM, 0);';

test('a blocked protocol is refused when the socket is made, others are not', async () => {
  await under('  network: {matchProtocols: [{protocol: icmp}]}', async () => {
    assert.equal(run('make(AF_INET, SOCK_RAW, 1); say "made"'), REFUSED);
    await denied('create', 'inet raw icmp');
    assert.equal(run('make(AF_INET, SOCK_RAW, 2); make(AF_INET, SOCK_STREAM, 0); say "made"'), 'made');
    assert.equal(run('make(AF_INET, SOCK_RAW, 1); say "made"', 'bystander'), 'made');
  });
});

test('a rule on tcp touches neither Unix sockets nor udp, and holds for MPTCP and IPv6', async () => {
  await under('  network: {matchProtocols: [{protocol: tcp}]}', async () => {
    assert.equal(run('make(AF_UNIX, SOCK_STREAM, 0); make(AF_INET, SOCK_DGRAM, 0); say "made"'), 'made');
    for (const socket of ['AF_INET, SOCK_STREAM, 0', 'AF_INET6, SOCK_STREAM, 6', 'AF_INET, SOCK_STREAM, 262']) {
      assert.equal(run(`make(${socket}); say "made"`), REFUSED, socket);
    }
    await denied('create', 'tcp');
    await denied('create', 'mptcp');
  });
});

test('families are refused by name', async () => {
  await under('  network: {matchFamilies: [{family: netlink}, {family: packet}]}', async () => {
    assert.equal(run('make(16, SOCK_RAW, 0); say "made"'), REFUSED);
    assert.equal(run('make(17, SOCK_DGRAM, 0); say "made"'), REFUSED);
    await denied('create', 'netlink raw', 'network.matchFamilies[0]');
    await denied('create', 'packet dgram', 'network.matchFamilies[1]');
    assert.equal(run(`${TCP} say "made"`), 'made');
  });
});

test('a socketpair works whatever rules there are on unix sockets', async () => {
  await under('  network: {matchFamilies: [{family: unix}]}', async () => {
    const pair = (type: string) => `socketpair(my $a, my $b, 1, ${type}, 0) or fail();`;
    assert.equal(run(`${pair('SOCK_STREAM')} syswrite($a, "hello"); sysread($b, my $said, 5); say $said`), 'hello');
    assert.equal(run('make(1, SOCK_STREAM, 0); say "made"'), REFUSED);
    // A datagram socket of a pair can also send to other addresses, and is checked for them.
    assert.equal(run(`${pair('SOCK_DGRAM')} send($a, "x", 0, pack_sockaddr_un("/none")) or fail()`), REFUSED);
  });
});

test('a rule with a source holds for that program only', async () => {
  await under('  network: {matchProtocols: [{protocol: udp, fromSource: [{path: /usr/bin/perl}]}]}', async () => {
    assert.equal(run(`${UDP} say "made"`), REFUSED);
    await denied('create', 'udp');
    assert.equal(run(`${UDP} say "made"`, 'target', '/bin/other'), 'made');
  });
});

test('addresses and ports are refused where they are connected to, also mapped to IPv6 or unspecified', async () => {
  const endpoint = '{protocol: tcp, cidr: 127.0.0.0/8, ports: 8000-8099, direction: egress}';
  await under(`  network: {matchEndpoints: [${endpoint}]}`, async () => {
    const connect = (family: string, address: string, port: number) =>
      run(`my $s = make(${family}, SOCK_STREAM, 0); to($s, "${address}", ${port}); say "connected"`);
    assert.equal(connect('AF_INET', '127.0.0.1', 8000), REFUSED);
    await denied('connect', 'tcp 127.0.0.1:8000', 'network.matchEndpoints[0]');
    assert.equal(connect('AF_INET', '127.9.9.9', 8099), REFUSED);
    assert.equal(connect('AF_INET', '0.0.0.0', 8050), REFUSED);
    assert.equal(connect('AF_INET6', '::ffff:127.0.0.1', 8050), REFUSED);
    await denied('connect', 'tcp 127.9.9.9:8099', 'network.matchEndpoints[0]');
    assert.equal(connect('AF_INET', '127.0.0.1', 7999), 'Connection refused');
    assert.equal(connect('AF_INET', '127.0.0.1', 8100), 'Connection refused');
    assert.notEqual(connect('AF_INET6', '::1', 8050), REFUSED);
  });
});

test('a message is refused by the address it names', async () => {
  await under('  network: {matchEndpoints: [{protocol: udp, ports: 53, direction: egress}]}', async () => {
    assert.equal(run(`${UDP} message($s, "127.0.0.1", 53); say "sent"`), REFUSED);
    await denied('send', 'udp 127.0.0.1:53', 'network.matchEndpoints[0]');
    assert.equal(run(`${UDP} message($s, "127.0.0.1", 54); say "sent"`), 'sent');
  });
});

test('ports are refused where they are bound', async () => {
  await under('  network: {matchEndpoints: [{ports: 1-1023, direction: ingress}]}', async () => {
    assert.equal(run(`${TCP} at($s, "0.0.0.0", 80); say "bound"`), REFUSED);
    await denied('bind', 'tcp port 80', 'network.matchEndpoints[0]');
    assert.equal(run(`${TCP} at($s, "0.0.0.0", 1024); hear($s); say "heard"`), 'heard');
  });
});

test('an incoming connection from a blocked peer is refused, another is accepted', async () => {
  await under('  network: {matchEndpoints: [{cidr: 127.0.0.2/32, direction: ingress}]}', async () => {
    const serve = (peer: string) =>
      run(`${TCP} at($s, "127.0.0.1", 9000); hear($s); my $c = make(AF_INET, SOCK_STREAM, 0);
        at($c, "${peer}", 0); $SIG{ALRM} = sub { print "no answer\\n"; exit }; alarm 2;
        to($c, "127.0.0.1", 9000); my $p = taken($s); give($p, "hello"); say "served"`);
    assert.equal(serve('127.0.0.3'), 'served');
    assert.equal(serve('127.0.0.2'), 'no answer');
    await denied('accept', 'tcp 127.0.0.2:9000', 'network.matchEndpoints[0]');
  });
});

test('allowed endpoints are reachable and all others are refused by the default posture', async () => {
  const endpoint = '{protocol: tcp, cidr: 127.0.0.0/8, ports: 8443, direction: egress}';
  await under(`  action: Allow\n  network: {matchEndpoints: [${endpoint}]}`, async () => {
    assert.equal(run(`${TCP} to($s, "127.0.0.1", 8443); say "connected"`), 'Connection refused');
    assert.equal(run(`${TCP} to($s, "127.0.0.1", 8444); say "connected"`), REFUSED);
    assert.equal(run(`${TCP} at($s, "127.0.0.1", 8443); say "bound"`), REFUSED);
    assert.equal(run(`${UDP} say "made"`), REFUSED);
    // The posture does not apply to local sockets.
    assert.equal(run('make(1, SOCK_STREAM, 0); make(16, SOCK_RAW, 0); say "made"'), 'made');
    const { policy, rule } = await events.find(({ object }) => object === 'tcp 127.0.0.1:8444');
    assert.deepEqual([policy, rule], ['DefaultPosture', 'network']);
  });
});

/** Runs `before` in the container, applies the policy, runs `after` in the same process, and resolves to the output. */
async function acrossPolicy(before: string, policy: string, after: string): Promise<string> {
  const script = perl(`unlink "/tmp/go"; ${before} say "open";
    until (-e "/tmp/go") { select(undef, undef, undef, 0.1) } ${after}`);
  const child = spawn('/usr/bin/docker', ['exec', 'target', '/usr/bin/perl', '-e', script]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  while (!output.includes('open')) await once(child.stdout, 'data');
  await under(policy, async () => {
    enter('target', '/usr/bin/perl', '-e', 'open(my $f, ">", "/tmp/go")');
    await once(child, 'close');
  });
  return output;
}

test('a socket that was opened before the policy is checked at its next use', async () => {
  const output = await acrossPolicy(
    `${TCP} at($s, "127.0.0.1", 9100); hear($s); my $c = make(AF_INET, SOCK_STREAM, 0);
      to($c, "127.0.0.1", 9100); my $p = taken($s); give($c, "before");`,
    '  network: {matchEndpoints: [{protocol: tcp, ports: 9100, direction: egress}]}',
    'give($c, "after"); say "sent"',
  );
  assert.match(output, /open\s+Permission denied/);
  await denied('send', 'tcp 127.0.0.1:9100', 'network.matchEndpoints[0]');
});

test('a port that was bound before the policy is neither listened on nor accepted from', async () => {
  const output = await acrossPolicy(
    `${TCP} at($s, "127.0.0.1", 9101); hear($s); my $l = make(AF_INET, SOCK_STREAM, 0); at($l, "127.0.0.1", 9102);`,
    '  network: {matchEndpoints: [{protocol: tcp, ports: 9101-9102, direction: ingress}]}',
    'say(listen($l, 5) ? "heard" : $!); taken($s); say "taken"',
  );
  assert.match(output, /open\s+Permission denied\s+Permission denied/);
  await denied('listen', 'tcp port 9102', 'network.matchEndpoints[0]');
  await denied('accept', 'tcp port 9101', 'network.matchEndpoints[0]');
});

test('a connection from a blocked peer to a program that has listened since before the daemon is not answered', async () => {
  const connect = `${TCP} $SIG{ALRM} = sub { print "no answer\\n"; exit }; alarm 2; to($s, "127.0.0.1", 9103); say "connected"`;
  assert.equal(run(connect), 'connected');
  await under('  network: {matchEndpoints: [{protocol: tcp, ports: 9103, direction: ingress}]}', async () => {
    assert.equal(run(connect), 'no answer');
    await denied('accept', 'tcp 127.0.0.1:9103', 'network.matchEndpoints[0]');
  });
});

test('a blocked capability cannot be used, in the container under the policy only', async () => {
  await under('  capabilities: {matchCapabilities: [{capability: net_raw}]}', async () => {
    const raw = 'make(AF_INET, SOCK_RAW, 1); say "made"';
    assert.equal(run(raw), 'Operation not permitted');
    const event = await events.find(({ operation }) => operation === 'use');
    assert.deepEqual(
      [event.class, event.object, event.rule, event.action, event.result, event.program],
      [
        'ACCESS_CLASS_CAPABILITY',
        'net_raw',
        'capabilities.matchCapabilities[0]',
        'ACTION_BLOCK',
        'RESULT_DENIED',
        '/usr/bin/perl',
      ],
    );
    assert.equal(run('chown(1000, 1000, "/etc/hostname") or fail(); say "changed"'), 'changed');
    assert.equal(run(raw, 'bystander'), 'made');
  });
});

test('with capabilities allowed by name, any other is refused by the default posture', async () => {
  await under('  action: Allow\n  capabilities: {matchCapabilities: [{capability: net_raw}]}', async () => {
    assert.equal(run('make(AF_INET, SOCK_RAW, 1); say "made"'), 'made');
    assert.equal(run('chown(1, 1, "/etc/hostname") or fail(); say "changed"'), 'Operation not permitted');
    const { policy, rule, object } = await events.find(({ object }) => object === 'chown');
    assert.deepEqual([policy, rule, object], ['DefaultPosture', 'capabilities', 'chown']);
  });
});

test('a rule on a capability with a source holds for that program only', async () => {
  const source = 'fromSource: [{path: /usr/bin/perl}]';
  await under(`  capabilities: {matchCapabilities: [{capability: chown, ${source}}]}`, async () => {
    const chown = 'chown(1000, 1000, "/etc/hostname") or fail(); say "changed"';
    assert.equal(run(chown), 'Operation not permitted');
    await denied('use', 'chown', 'capabilities.matchCapabilities[0]');
    assert.equal(run(chown, 'target', '/bin/other'), 'changed');
  });
});

test('a capability the kernel checks without meaning to use it is refused and not reported', async () => {
  const metric = async () => {
    const text = await daemon.metrics();
    return Number(/^hauberk_events_dropped_total\{cause="speculative"\} (\d+)$/m.exec(text)?.[1]);
  };
  const sleeper = spawn('/usr/bin/docker', ['exec', '-u', '1000', 'target', '/bin/sleep', '60']);
  await under('  capabilities: {matchCapabilities: [{capability: sys_ptrace}]}', async () => {
    const before = await metric();
    // The kernel masks an address in the statistics of a process that the reader may not trace.
    const script = `for my $d (glob("/proc/[0-9]*")) { open(my $f, "<", "$d/stat") or next; my $l = <$f> } say "read"`;
    // The other process may not have started yet.
    await eventually(async () => {
      assert.equal(run(script), 'read');
      return (await metric()) > before;
    });
    assert.deepEqual(events.events, []);
  });
  sleeper.kill();
});

test('a flood of events is suppressed, counted, and reported in a summary', async () => {
  const attempts = 2000;
  await under('  file: {matchPaths: [{path: /etc/shadow}]}', async () => {
    assert.equal(run(`for (1..${attempts}) { open(my $f, "<", "/etc/shadow") } say "done"`), 'done');
    await events.find(({ suppressed }) => suppressed !== '0');
    const seen = () => events.events.filter(({ object }) => object === '/etc/shadow').length;
    const summed = () => events.events.reduce((sum, { suppressed }) => sum + Number(suppressed), 0);
    for (let waited = 0; seen() + summed() < attempts && waited < 100; waited++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal(seen() + summed(), attempts);
    assert.ok(seen() < attempts && seen() >= EVENT_BURST, `${seen()} were reported`);
    const { policy, containerName } = events.events.find(({ suppressed }) => suppressed !== '0')!;
    assert.deepEqual([policy, containerName], ['RateLimit', 'target']);
  });
});

test('in a flood of denials the first by another rule, and by another program, is reported', async () => {
  await under('  file: {matchPaths: [{path: /etc/shadow}, {path: /etc/gshadow}]}', async () => {
    const flood = `for (1..2000) { open(my $f, "<", "/etc/shadow") }`;
    const others =
      'for (1..3) { open(my $f, "<", "/etc/gshadow") } system("/bin/other", "-e", "open(F, q(</etc/shadow))");';
    assert.equal(run(`${flood} ${others} say "done"`), 'done');
    await events.find(({ object, rule }) => object === '/etc/gshadow' && rule === 'file.matchPaths[1]');
    await events.find(({ object, program }) => object === '/etc/shadow' && program === '/bin/other');
  });
});
