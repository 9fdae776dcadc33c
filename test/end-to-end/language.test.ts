import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { docker, enter, startContainer } from '../support/docker.js';
import { PERL_LIBRARY, runFromMemory } from '../support/perl.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';
import { SharedDaemon } from '../support/shared-daemon.js';

const POLICY = 'language';
const DENIED = /ermission denied|not permitted|must be superuser/;

const daemon = new SharedDaemon();
const client = new Client(daemon.address);
let events: EventStream;
let target: string;

before(async () => {
  makeProgramsImage();
  const flags = [
    '--cap-add=SYS_PTRACE',
    '--cap-add=SYS_ADMIN',
    '--tmpfs=/dev/shm:exec',
    '--security-opt=apparmor=unconfined',
  ];
  const library = ['-v', `${PERL_LIBRARY}:${PERL_LIBRARY}:ro`];
  target = startContainer(PROGRAMS_IMAGE, 'target', '--label', 'app=target', ...flags, ...library);
  await daemon.start('process', 'file', 'network', 'capability');
  events = await client.stream({ containerIds: [target] });
});

after(async () => {
  events?.cancel();
  client.close();
  await daemon.release();
  docker('rm', '-f', 'target');
});

interface Head {
  readonly kind?: string;
  readonly spec?: string;
}

function manifest(rules: string, { kind = 'KubeArmorPolicy', spec = 'selector: {matchLabels: {app: target}}' }: Head) {
  return `apiVersion: security.kubearmor.com/v1
kind: ${kind}
metadata: {name: ${POLICY}}
spec:
  ${spec}
  ${rules}`;
}

/** Runs `task` while a policy with these rules is in force. */
async function under(rules: string, task: () => Promise<void> | void, head: Head = {}): Promise<void> {
  await client.call('PolicyService', 'ApplyPolicy', { manifest: manifest(rules, head) });
  events.clear();
  try {
    await task();
  } finally {
    const scope = head.kind === 'KubeArmorClusterPolicy' ? 'SCOPE_CLUSTER' : 'SCOPE_NAMESPACE';
    await client.call('PolicyService', 'DeletePolicy', { name: POLICY, scope });
  }
}

const sh = (script: string) => enter('target', '/bin/dash', '-c', script);
const perl = (script: string, ...given: string[]) => enter('target', '/usr/bin/perl', '-e', script, ...given);

function runs(outcome: { status: number; output: string }): void {
  assert.equal(outcome.status, 0, outcome.output);
}

async function denied(outcome: { output: string }, rule: string, object?: string): Promise<void> {
  assert.match(outcome.output, DENIED);
  await eventReported({
    rule,
    action: 'ACTION_BLOCK',
    result: 'RESULT_DENIED',
    ...(object !== undefined && { object }),
  });
}

async function eventReported(expected: Readonly<Record<string, unknown>>): Promise<void> {
  await events.find((event) =>
    Object.entries(expected).every(([name, value]) => event[name as keyof typeof event] === value),
  );
}

test('objects without a path, such as namespaces, can be opened whatever file rules are in force', async () => {
  await under('file: {matchPaths: [{path: /etc/hostname}]}', async () => {
    runs(sh('exec 3</proc/self/ns/net 4</proc/1/ns/mnt'));
    await denied(sh('exec 3</etc/hostname'), 'file.matchPaths[0]', '/etc/hostname');
  });
});

test('a program blocked by its name is refused in every directory', async () => {
  await under('process: {matchPaths: [{execname: sleep}]}', async () => {
    await denied(sh('/bin/sleep 0'), 'process.matchPaths[0]', '/bin/sleep');
    await denied(sh('/opt/tool/sleep 0'), 'process.matchPaths[0]', '/opt/tool/sleep');
    runs(sh('/bin/ls /'));
  });
});

test('a program that may run no others loads its libraries, and renames and links its data', async () => {
  const rules = 'process: {matchDirectories: [{dir: /, recursive: true, fromSource: [{path: /usr/bin/perl}]}]}';
  await under(rules, async () => {
    runs(sh('echo x >/tmp/data'));
    runs(
      perl(
        'rename("/tmp/data", "/tmp/moved") && link("/tmp/moved", "/tmp/data") && unlink("/tmp/moved") or die "$!\\n"',
      ),
    );
    await denied(perl('exec("/bin/true"); die "$!\\n"'), 'process.matchDirectories[0]', '/bin/true');
    await denied(
      perl('rename("/bin/touch", "/bin/moved") or die "$!\\n"'),
      'process.matchDirectories[0]',
      '/bin/touch',
    );
  });
});

test('a program with allowed arguments runs with these and no others', async () => {
  await under('process: {matchPaths: [{path: /bin/ls, allowedArgs: [-l, /etc, "€"]}]}', async () => {
    runs(sh('/bin/ls'));
    runs(sh('/bin/ls -l /etc'));
    await denied(sh('/bin/ls -a'), 'process.matchPaths[0]', '/bin/ls');
    await denied(sh('/bin/ls -l /etc /root'), 'process.matchPaths[0]');
    await denied(sh('/bin/ls /et'), 'process.matchPaths[0]');
    await denied(sh('/bin/ls /etc/'), 'process.matchPaths[0]');
    // Longer than a page.
    await denied(sh(`/bin/ls -l ${'/etc '.repeat(2000)} x`), 'process.matchPaths[0]');
    runs(sh(`/bin/ls -l ${'/etc '.repeat(2000)} >/tmp/out`));
    await denied(sh(`/bin/ls ${'x'.repeat(9000)}`), 'process.matchPaths[0]');
    assert.match(sh('/bin/ls "€"').output, /No such file/);
  });
});

test('a rule for processes with a terminal holds for no others', async () => {
  await under('process: {matchPaths: [{path: /bin/sleep, pts: false}]}', async () => {
    runs(enter('target', '/bin/dash', '-c', '/bin/sleep 0; /bin/ls /'));
    const onTerminal = docker('exec', '-t', 'target', '/bin/dash', '-c', '/bin/tty; /bin/sleep 0');
    assert.match(onTerminal.output, /pts/);
    await denied(onTerminal, 'process.matchPaths[0]', '/bin/sleep');
  });
});

test('the source of a rule can be a directory', async () => {
  await under('file: {matchPaths: [{path: /etc/hostname, fromSource: [{dir: /bin/}]}]}', async () => {
    await denied(enter('target', '/bin/cat', '/etc/hostname'), 'file.matchPaths[0]', '/etc/hostname');
    runs(perl('open(my $f, "<", "/etc/hostname") or die "$!\\n"'));
  });
});

test('each operation on a file is refused by a rule that names what it does, and by no other', async () => {
  const attempts: Readonly<Record<string, string>> = {
    read: '/bin/cat /tmp/d/f',
    write: 'echo x >>/tmp/d/f',
    create: '/bin/mkdir /tmp/d/new',
    delete: '/bin/rm -f /tmp/d/g',
    rename: '/bin/mv -f /tmp/d/h /tmp/d/i',
    link: '/bin/ln -f /tmp/d/f /tmp/d/linked',
    attributes: '/bin/chmod 0600 /tmp/d/f',
  };
  /** These give a file another name. */
  const moves = ['rename', 'link'];
  const movesAreRefused = ['read', 'write', 'create'];
  /** Under the name that a file is renamed to, these may be done as well. */
  const renamesAreRefused = ['delete', 'attributes'];
  for (const [operation, attempt] of Object.entries(attempts)) {
    sh('/bin/rm -rf /tmp/d; /bin/mkdir /tmp/d; for name in f g h; do echo x >/tmp/d/$name; done');
    await under(`file: {matchDirectories: [{dir: /tmp/d/, recursive: true, operations: [${operation}]}]}`, async () => {
      const isRefused = (other: string) =>
        other === operation ||
        (moves.includes(other) && movesAreRefused.includes(operation)) ||
        (other === 'rename' && renamesAreRefused.includes(operation));
      const others = Object.entries(attempts).filter(([other]) => !isRefused(other));
      runs(sh(others.map(([, script]) => script).join(' && ')));
      await denied(sh(attempt), 'file.matchDirectories[0]');
    });
  }
  await under('file: {matchPaths: [{path: /tmp/d/f, operations: [write]}]}', async () => {
    await denied(perl('truncate("/tmp/d/f", 0) or die "$!\\n"'), 'file.matchPaths[0]', '/tmp/d/f');
    await eventReported({ operation: 'truncate', object: '/tmp/d/f' });
  });
});

test('a file can be readable and still be refused as an executable mapping', async () => {
  // open, mmap(NULL, 4096, PROT_READ|PROT_EXEC, MAP_PRIVATE, fd, 0)
  const map =
    'open(my $f, "<", "/opt/tool/sleep") or die "open: $!\\n"; my $at = syscall(9, 0, 4096, 5, 2, fileno($f), 0); die "map: $!\\n" if $at == -1';
  await under('file: {matchPaths: [{path: /opt/tool/sleep, operations: [map]}]}', async () => {
    assert.match(perl(map).output, /map: Permission denied/);
    await eventReported({ rule: 'file.matchPaths[0]', operation: 'map', object: '/opt/tool/sleep' });
    runs(enter('target', '/bin/cat', '/opt/tool/sleep'));
  });
});

test('files are refused by the type of their filesystem', async () => {
  await under('filesystems: {matchTypes: [{type: proc}]}', async () => {
    await denied(enter('target', '/bin/cat', '/proc/version'), 'filesystems.matchTypes[0]', '/proc/version (proc)');
    runs(enter('target', '/bin/cat', '/etc/hostname'));
  });
});

test('mounts are refused by directory and type, and so is unmounting', async () => {
  await under('mounts: {matchMounts: [{dir: /tmp/, recursive: true, type: tmpfs, operation: mount}]}', async () => {
    sh('/bin/mkdir -p /tmp/m /root/m');
    await denied(sh('/bin/mount -t tmpfs none /tmp/m'), 'mounts.matchMounts[0]', '/tmp/m/ (tmpfs)');
    runs(sh('/bin/mount -t tmpfs none /root/m'));
  });
  await under('mounts: {matchMounts: [{operation: unmount}]}', async () => {
    await denied(sh('/bin/umount /root/m'), 'mounts.matchMounts[0]');
  });
  runs(sh('/bin/umount /root/m'));
});

test('a rule on ptrace refuses attaching to another process', async () => {
  // ptrace(PTRACE_ATTACH, pid)
  const attach = 'my $r = syscall(101, 16, 1, 0, 0); die "attach: $!\\n" if $r == -1; syscall(101, 17, 1, 0, 0)';
  runs(perl(attach));
  await under('ptrace: {matchProcesses: [{path: /bin/sleep, operation: attach}]}', async () => {
    assert.match(perl(attach).output, /attach: Operation not permitted/);
    await eventReported({ rule: 'ptrace.matchProcesses[0]', operation: 'trace', object: '/bin/sleep' });
  });
});

test('a rule on namespaces refuses creating a user namespace', async () => {
  await under('namespaces: {matchNamespaces: [{namespace: user}]}', async () => {
    await denied(enter('target', '/usr/bin/unshare', '--user', '/bin/ls'), 'namespaces.matchNamespaces[0]');
  });
});

test('what overlayfs does with the credentials of who mounted it is not refused to the process', async () => {
  for (const [index, rules] of [
    'presets: [{name: hardened}]',
    'capabilities: {matchCapabilities: [{capability: chown}, {capability: "sys_admin,dac_override,fowner,fsetid"}]}',
  ].entries()) {
    const path = `/etc/${['group', 'gshadow'][index]}`;
    await under(rules, async () => {
      runs(
        sh(`echo x >>${path} && /bin/mv ${path} /tmp/ && /bin/mkdir /etc/${index} && /bin/mv /etc/${index} ${path}`),
      );
      if (rules.startsWith('capabilities'))
        await denied(sh('/bin/chown 1:1 /etc/passwd'), 'capabilities.matchCapabilities[0]', 'chown');
    });
  }
});

test('each preset refuses the behaviour it is named after', async () => {
  await under('presets: [{name: anonymousMapExec}]', async () => {
    // mmap(NULL, 4096, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0), then by mprotect
    assert.match(perl('syscall(9, 0, 4096, 7, 34, -1, 0) == -1 and die "$!\\n"').output, DENIED);
    await eventReported({ rule: 'presets[0]', operation: 'map' });
    const protect = 'my $at = syscall(9, 0, 4096, 3, 34, -1, 0); syscall(10, $at, 4096, 5) == -1 and die "$!\\n"';
    assert.match(perl(protect).output, DENIED);
    await eventReported({ rule: 'presets[0]', operation: 'protect' });
  });
  await under('presets: [{name: filelessExec}]', async () => {
    await denied(sh('/bin/cp /bin/ls /dev/shm/ls && /dev/shm/ls'), 'presets[0]', '/dev/shm/ls');
    await denied(perl(runFromMemory('/bin/ls')), 'presets[0]', 'memory without a file');
    runs(sh('/bin/cp /bin/ls /tmp/copy && /tmp/copy /'));
  });
  // Among rules about programs, for which memory has no path.
  await under('presets: [{name: filelessExec}]\n  process: {matchPaths: [{path: /bin/other}]}', async () => {
    await denied(perl(runFromMemory('/bin/ls')), 'presets[0]', 'memory without a file');
  });
  await under('presets: [{name: protectEnv}]', async () => {
    await denied(enter('target', '/bin/cat', '/proc/1/environ'), 'presets[0]', '/proc/1/environ');
    runs(enter('target', '/bin/cat', '/proc/self/environ'));
    runs(enter('target', '/bin/cat', '/proc/1/status'));
  });
  await under('presets: [{name: protectProc}]', async () => {
    await denied(enter('target', '/bin/cat', '/proc/1/status'), 'presets[0]', '/proc/1/status');
    runs(enter('target', '/bin/cat', '/proc/self/status', '/proc/version', '/proc/sys/kernel/osrelease'));
  });
  await under('presets: [{name: exec}]', async () => {
    await denied(enter('target', '/bin/ls', '/'), 'presets[0]', '/bin/ls');
  });
  runs(enter('target', '/bin/ls', '/'));
});

const OBSERVER = 'hauberk_sys_enter';

async function isObserved(): Promise<boolean> {
  const { programs } = await client.call('HostService', 'GetStatus');
  return programs.includes(OBSERVER);
}

/** Program, object and rule of the events so far. */
const reported = () => events.events.map(({ program, object, rule }) => [program, object, rule]);

test('system calls are reported as they are made, by name and source, also those of 32-bit programs', async () => {
  // A program of 64 bits that calls unlink and exit by the numbers of 32 bits.
  const narrow = [
    '7f454c4602010100000000000000000002003e00010000007800400000000000',
    '4000000000000000000000000000000000000000400038000100000000000000',
    '01000000050000000000000000000000000040000000000000004000000000000001000000000000',
    '00010000000000000010000000000000',
    // mov eax, 10; mov ebx, path; int 0x80; mov eax, 1; xor ebx, ebx; int 0x80
    'b80a000000bb8d004000cd80b80100000031dbcd80',
    Buffer.from('/tmp/narrow\0').toString('hex'),
  ].join('');
  const write = 'open(my $f, ">", "/tmp/narrow"); binmode $f; print {$f} pack("H*", $ARGV[0]); close $f';
  runs(perl(write, narrow));
  runs(sh('/bin/chmod 0755 /tmp/narrow; echo x >/tmp/u; echo x >/tmp/v'));
  assert.equal(await isObserved(), false);
  const rules =
    'matchSyscalls: [{syscall: [unlink, rmdir]}, {syscall: [kill], fromSource: [{dir: /bin, recursive: true}]}]';
  await under(`syscalls: {${rules}}`, async () => {
    assert.equal(await isObserved(), true);
    // rm calls unlinkat, and perl is no source of the other rule.
    runs(sh('/bin/rm /tmp/v'));
    runs(perl('kill(0, $$)'));
    runs(sh('kill -0 $$'));
    runs(perl('unlink("/tmp/u") or die "$!\\n"'));
    runs(sh('/tmp/narrow'));
    assert.match(sh('/bin/ls /tmp/narrow').output, /No such file/);
    await eventReported({
      program: '/tmp/narrow',
      class: 'ACCESS_CLASS_SYSTEM_CALL',
      operation: 'call',
      action: 'ACTION_AUDIT',
      result: 'RESULT_PASSED',
    });
    assert.deepEqual(reported(), [
      ['/bin/dash', 'kill', 'syscalls.matchSyscalls[1]'],
      ['/usr/bin/perl', 'unlink', 'syscalls.matchSyscalls[0]'],
      ['/tmp/narrow', 'unlink', 'syscalls.matchSyscalls[0]'],
    ]);
  });
  assert.equal(await isObserved(), false);
});

test('system calls are reported by the path that they are given, however it is written', async () => {
  runs(sh('/bin/mkdir -p /tmp/sc/deep /tmp/other /tmp/flat/deep; /bin/ln -s /tmp/sc /tmp/link'));
  runs(sh('for f in sc/a sc/b sc/d other/c flat/deep/f; do echo x >/tmp/$f; done'));
  const rules = `matchPaths:
    - {path: /tmp/sc/, recursive: true, syscall: [unlink, openat, rename]}
    - {path: /tmp/flat/, syscall: [unlink, mkdir]}
    - {path: /etc/hostname, syscall: [openat], fromSource: [{path: /bin/cat}]}
    - {path: /bin/ls, syscall: [execve]}`;
  await under(`syscalls:\n    ${rules}`, async () => {
    assert.equal(await isObserved(), false);
    runs(perl('unlink("/tmp/other/c", "/tmp/flat/deep/f") == 2 or die "$!\\n"'));
    runs(sh('/bin/rm /tmp/sc/d'));
    runs(perl('open(my $f, "<", "/etc/hostname") or die "$!\\n"'));
    runs(perl('chdir("/tmp/sc/deep"); unlink("../a") or die "$!\\n"'));
    runs(perl('unlink("/tmp/link/b") or die "$!\\n"'));
    // One call creates the file, the other opens and truncates it.
    runs(sh('echo x >/tmp/sc/e; echo x >/tmp/sc/e'));
    runs(perl('rename("/tmp/sc/e", "/tmp/other/e") or die "$!\\n"; mkdir("/tmp/flat/g") or die "$!\\n"'));
    runs(enter('target', '/bin/cat', '/etc/hostname'));
    runs(sh('/bin/ls /'));
    await eventReported({ object: 'execve /bin/ls' });
    const rule = (index: number) => `syscalls.matchPaths[${index}]`;
    assert.deepEqual(reported(), [
      ['/usr/bin/perl', 'unlink /tmp/sc/a', rule(0)],
      ['/usr/bin/perl', 'unlink /tmp/sc/b', rule(0)],
      ['/bin/dash', 'openat /tmp/sc/e', rule(0)],
      ['/bin/dash', 'openat /tmp/sc/e', rule(0)],
      ['/usr/bin/perl', 'rename /tmp/sc/e', rule(0)],
      ['/usr/bin/perl', 'mkdir /tmp/flat/g', rule(1)],
      ['/bin/cat', 'openat /etc/hostname', rule(2)],
      ['/bin/dash', 'execve /bin/ls', rule(3)],
    ]);
  });
});

test('a policy in audit mode allows what it would refuse, and reports it', async () => {
  const rules = 'file: {matchPaths: [{path: /etc/hostname}]}';
  const spec = 'mode: audit\n  selector: {matchLabels: {app: target}}';
  await under(
    rules,
    async () => {
      runs(enter('target', '/bin/cat', '/etc/hostname'));
      await eventReported({
        rule: 'file.matchPaths[0]',
        action: 'ACTION_AUDIT',
        result: 'RESULT_PASSED',
        wouldBlock: true,
      });
    },
    { spec },
  );
});

test('a higher priority comes before everything', async () => {
  runs(sh('/bin/mkdir /tmp/p; echo x >/tmp/p/f'));
  const spec = 'priority: 5\n  selector: {matchLabels: {app: target}}';
  const weaker = manifest(
    'file: {matchPaths: [{path: /tmp/p/f, fromSource: [{path: /bin/cat}], action: Audit}]}',
    {},
  ).replace(POLICY, 'weaker');
  await client.call('PolicyService', 'ApplyPolicy', { manifest: weaker });
  await under(
    'file: {matchDirectories: [{dir: /tmp/p/, recursive: true}]}',
    async () => {
      await denied(enter('target', '/bin/cat', '/tmp/p/f'), 'file.matchDirectories[0]', '/tmp/p/f');
    },
    { spec },
  );
  await client.call('PolicyService', 'DeletePolicy', { name: 'weaker' });
});

test('a policy ends at its time', async () => {
  const expires = new Date(Date.now() + 4000).toISOString();
  const spec = `expires: "${expires}"\n  selector: {matchLabels: {app: target}}`;
  await client.call('PolicyService', 'ApplyPolicy', {
    manifest: manifest('file: {matchPaths: [{path: /etc/hostname}]}', { spec }),
  });
  await denied(enter('target', '/bin/cat', '/etc/hostname'), 'file.matchPaths[0]');
  const isThere = async () => {
    const { policies } = await client.call('PolicyService', 'ListPolicies');
    return policies.length > 0;
  };
  for (let tries = 0; tries < 200 && (await isThere()); tries++) await new Promise((done) => setTimeout(done, 100));
  assert.ok(Date.now() >= Date.parse(expires));
  runs(enter('target', '/bin/cat', '/etc/hostname'));
});

test('a cluster policy selects by expressions, in every namespace that it does not exclude', async () => {
  const rules = 'file: {matchPaths: [{path: /etc/hostname}]}';
  const kind = 'KubeArmorClusterPolicy';
  const reaching = (expressions: string) => ({ kind, spec: `selector: {matchExpressions: [${expressions}]}` });
  await under(
    rules,
    async () => denied(enter('target', '/bin/cat', '/etc/hostname'), 'file.matchPaths[0]'),
    reaching('{key: namespace, operator: NotIn, values: [other]}, {key: label, operator: In, values: [app=target]}'),
  );
  for (const expression of [
    '{key: namespace, operator: NotIn, values: [default]}',
    '{key: label, operator: NotIn, values: [app=target]}',
  ]) {
    await under(rules, () => runs(enter('target', '/bin/cat', '/etc/hostname')), reaching(expression));
  }
});
