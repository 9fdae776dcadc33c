import { ALL_BUT_BLOCKED, BLOCK, type Group } from './use.js';

const FILE = '/v/guard/file';
const perl = (script: string) => `exec perl -e '${script}'`;
const READ = 'print <$file>';
/** By architecture: of name_to_handle_at(2); that of open_by_handle_at(2) follows it. */
const HANDLE_CALL = process.arch === 'arm64' ? 264 : 303;
const OPENAT = process.arch === 'arm64' ? 56 : 257;

/** Roundabout ways to a file, which all come to the decision about its path. */
export const HELD_FILES: Group = {
  name: 'files, by other ways to the same name',
  rules: BLOCK,
  allowList: ALL_BUT_BLOCKED,
  refused: (
    [
      ['by a relative name', 'cd /v/guard && exec cat file'],
      ['by a name that leads up first', 'cd /v/free && exec cat ../guard/file'],
      ['by a symbolic link from elsewhere', 'exec cat /v/free/soft'],
      ['by its own root in /proc', `exec cat /proc/self/root${FILE}`],
      ['by the root of another process in /proc', `exec cat /proc/1/root${FILE}`],
      ['by a working directory in /proc', 'cd /v/guard && exec cat /proc/self/cwd/file'],
      ['in another root', perl(`chroot "/v/guard" or die $!; open(my $file, "<", "/file") or die $!; ${READ}`)],
      [
        'by a descriptor of its name',
        perl(
          `sysopen(my $name, "${FILE}", 0x200000) or die $!;
          open(my $file, "<", "/proc/self/fd/" . fileno($name)) or die $!; ${READ}`,
        ),
      ],
      [
        'by an open directory',
        perl(`sysopen(my $at, "/v/guard", 0x210000) or die $!; my $name = "file";
          my $number = syscall(${OPENAT}, fileno($at), $name, 0, 0); $number >= 0 or die "$!\\n";
          open(my $file, "<&=", $number) or die $!; ${READ}`),
      ],
      [
        'in a user namespace with mounts of its own',
        `exec unshare --user --map-root-user --mount cat ${FILE}`,
        'unconfined',
      ],
      [
        'by its handle',
        perl(`my $handle = pack("I i x128", 128, 0); my ($path, $mount) = ("${FILE}", pack("i", 0));
          syscall(${HANDLE_CALL}, -100, $path, $handle, $mount, 0) == 0 or die "$!\\n";
          sysopen(my $at, "/v", 0x10000) or die $!; my $number = syscall(${HANDLE_CALL + 1}, fileno($at), $handle, 0);
          $number >= 0 or die "$!\\n"; open(my $file, "<&=", $number) or die $!; ${READ}`),
        'privileged',
      ],
    ] as const
  ).map(([technique, script, container]) => ({
    technique,
    ...(container !== undefined && { container }),
    command: ['sh', script],
    preparation: `echo x >${FILE}; ln -sfn ${FILE} /v/free/soft`,
    reported: { operation: 'open', object: FILE, class: 'ACCESS_CLASS_FILE' },
    isHeld: true,
  })),
  outOfReach: [
    {
      technique: 'by a hard link from before a rule about its directory',
      command: ['sh', 'exec cat /v/free/linked'],
      // Of a file of its own: one with two names may be opened by its handle under either.
      preparation: 'echo x >/v/guard/linked; ln -f /v/guard/linked /v/free/linked',
      why: 'rules about directories hold for paths; a rule that names the file itself holds for each of its links',
    },
    {
      technique: 'learn its size and times by stat(2)',
      command: ['sh', `[ -e ${FILE} ]`],
      why: 'rules are about its content and about changes',
    },
  ],
  free: [['sh', 'exec cat /v/free/file']],
};

const PROGRAM = '/guard/tool';
const ARGUMENTS = 'connect stream @abstract';

/** Roundabout ways to run a program, which is linked statically and so runs in any root. */
export const HELD_PROGRAMS: Group = {
  name: 'programs, by other ways to the same name',
  rules: `process: {matchPaths: [{path: ${PROGRAM}}]}`,
  refused: (
    [
      ['by a symbolic link', `exec /free/soft ${ARGUMENTS}`],
      ['by its own root in /proc', `exec /proc/self/root${PROGRAM} ${ARGUMENTS}`],
      [
        'by a descriptor of its name',
        perl(`$^F = 255; sysopen(my $name, "${PROGRAM}", 0x200000) or die $!;
          exec("/proc/self/fd/" . fileno($name), qw(${ARGUMENTS})) or die $!`),
      ],
      ['in another root', perl(`chroot "/guard" or die $!; exec("/tool", qw(${ARGUMENTS})) or die $!`)],
      ['as the interpreter of a script', 'exec /free/script'],
    ] as const
  ).map(([technique, script]) => ({
    technique,
    command: ['sh', script],
    preparation: `cp -f /bin/uses ${PROGRAM}; ln -sfn ${PROGRAM} /free/soft
      printf '#!${PROGRAM} times\\n' >/free/script; chmod 755 /free/script`,
    reported: { operation: 'exec', object: PROGRAM, class: 'ACCESS_CLASS_PROCESS' },
    isHeld: true,
  })),
  free: [['sh', `exec /bin/uses ${ARGUMENTS}`]],
};

/** `struct sockaddr_in` of 127.0.0.N, port 9011, at which the script listens. */
const address = (last: number) => `pack("S n C4 x8", 2, 9011, 127, 0, 0, ${last})`;
const LISTEN = `socket(my $all, 2, 1, 0); setsockopt($all, 1, 2, 1); bind($all, pack("S n x12", 2, 9011)) or die $!;
  listen($all, 5) or die $!;`;

/** Ways to a blocked address that other systems overlook. */
export const HELD_ADDRESSES: Group = {
  name: 'addresses that are blocked, by other calls',
  rules: 'network: {matchEndpoints: [{cidr: 127.0.0.20/32}]}',
  refused: (
    [
      [
        'a first message that opens the connection (TCP fast open)',
        'send',
        'tcp',
        `socket(my $s, 2, 1, 0); defined(send($s, "x", 0x20000000, ${address(20)})) or die "$!\\n"`,
      ],
      [
        'a socket of MPTCP',
        'connect',
        'tcp',
        `socket(my $s, 2, 1, 262) or die; connect($s, ${address(20)}) or die "$!\\n"`,
      ],
      [
        'its form in IPv6',
        'connect',
        'tcp',
        `socket(my $s, 10, 1, 0); connect($s, pack("S n x14 S C4 x4", 10, 9011, 0xffff, 127, 0, 0, 20)) or die "$!\\n"`,
      ],
      [
        'a datagram without a connection',
        'send',
        'udp',
        `socket(my $s, 2, 2, 0); defined(send($s, "x", 0, ${address(20)})) or die "$!\\n"`,
      ],
      [
        'a socket that was connected to another address',
        'connect',
        'udp',
        `socket(my $s, 2, 2, 0); connect($s, ${address(21)}) or die; connect($s, pack("S x14", 0));
          connect($s, ${address(20)}) or die "$!\\n"`,
      ],
    ] as const
  ).map(([technique, operation, protocol, script]) => ({
    technique,
    command: ['sh', perl(LISTEN + script)],
    reported: { operation, object: `${protocol} 127.0.0.20:9011`, class: 'ACCESS_CLASS_NETWORK' },
    isHeld: true,
  })),
  free: [['sh', perl(`${LISTEN} socket(my $s, 2, 1, 0); connect($s, ${address(21)}) or die "$!\\n"`)]],
};
