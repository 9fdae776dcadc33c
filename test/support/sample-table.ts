/** One command of a sample and its expected result. */
export interface Step {
  readonly command: readonly string[];
  readonly user?: string;
  readonly expect: 'runs' | 'denied';
  /** The event that must be reported; only these fields are compared. Left out where nothing may be reported. */
  readonly event?: {
    readonly policy: string;
    readonly rule: string;
    readonly action: 'ACTION_BLOCK' | 'ACTION_AUDIT';
    readonly result: 'RESULT_DENIED' | 'RESULT_PASSED';
    readonly object: string;
    readonly program: string;
    readonly operation: string;
    readonly class: 'ACCESS_CLASS_PROCESS' | 'ACCESS_CLASS_FILE';
  };
}

export interface Sample {
  readonly name: string;
  readonly manifest: string;
  readonly steps: readonly Step[];
}

const POLICY = 'sample';

function manifest(spec: string, name = POLICY): string {
  return `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata:
  name: ${name}
spec:
  selector:
    matchLabels:
      app: target
  severity: 7
  tags: [sample]
  message: said by the sample
${spec}`;
}

const dash = (script: string): readonly string[] => ['/bin/dash', '-c', script];
const runs = (command: readonly string[], user?: string): Step => ({
  command,
  expect: 'runs',
  ...(user === undefined ? {} : { user }),
});

/** Refused when a shell runs it: the acting program is the shell. */
function execDenied(script: string, object: string, rule: string, user?: string): Step {
  return {
    command: dash(script),
    ...(user === undefined ? {} : { user }),
    expect: 'denied',
    event: {
      policy: POLICY,
      rule,
      action: 'ACTION_BLOCK',
      result: 'RESULT_DENIED',
      object,
      program: '/bin/dash',
      operation: 'exec',
      class: 'ACCESS_CLASS_PROCESS',
    },
  };
}

function fileDenied(
  command: readonly string[],
  object: string,
  rule: string,
  { program = command[0]!, operation = 'open', policy = POLICY } = {},
): Step {
  return {
    command,
    expect: 'denied',
    event: {
      policy,
      rule,
      action: 'ACTION_BLOCK',
      result: 'RESULT_DENIED',
      object,
      program,
      operation,
      class: 'ACCESS_CLASS_FILE',
    },
  };
}

/** The behaviour that users of KubeArmor know. */
export const SAMPLES: readonly Sample[] = [
  {
    name: 'a blocked program is refused',
    manifest: manifest('  process:\n    matchPaths: [{path: /bin/sleep}]'),
    steps: [execDenied('sleep 1', '/bin/sleep', 'process.matchPaths[0]'), runs(['/bin/cat', '/etc/hostname'])],
  },
  {
    name: 'a program in a blocked directory is refused',
    manifest: manifest('  process:\n    matchDirectories: [{dir: /sbin/}]'),
    steps: [execDenied('/sbin/route', '/sbin/route', 'process.matchDirectories[0]'), runs(['/bin/ls', '/'])],
  },
  {
    name: 'a program anywhere below a blocked directory is refused',
    manifest: manifest('  process:\n    matchDirectories: [{dir: /usr/, recursive: true}]'),
    steps: [execDenied('whoami', '/usr/bin/whoami', 'process.matchDirectories[0]'), runs(['/bin/ls', '/'])],
  },
  {
    name: 'a program blocked from a source is refused to that source only',
    manifest: manifest('  process:\n    matchPaths: [{path: /bin/ls, fromSource: [{path: /bin/dash}]}]'),
    steps: [
      execDenied('ls /; true', '/bin/ls', 'process.matchPaths[0]'),
      runs(dash('pwd')),
      runs(['/usr/bin/env', '/bin/ls', '/']),
    ],
  },
  {
    name: 'a program for its owner only runs for its owner',
    manifest: manifest('  process:\n    matchPaths: [{path: /home/user1/hello, ownerOnly: true}]'),
    steps: [
      execDenied('/home/user1/hello', '/home/user1/hello', 'process.matchPaths[0]'),
      runs(dash('/home/user1/hello'), 'user1'),
    ],
  },
  {
    name: 'a program outside a set of allowed ones is refused by the default posture',
    manifest: manifest('  action: Allow\n  process:\n    matchPaths: [{path: /bin/dash}, {path: /bin/cat}]'),
    steps: [
      runs(dash('cat /etc/hostname')),
      {
        command: dash('ls /'),
        expect: 'denied',
        event: {
          policy: 'DefaultPosture',
          rule: 'process',
          action: 'ACTION_BLOCK',
          result: 'RESULT_DENIED',
          object: '/bin/ls',
          program: '/bin/dash',
          operation: 'exec',
          class: 'ACCESS_CLASS_PROCESS',
        },
      },
    ],
  },
  {
    name: 'a file allowed from a source is the only one that can be read',
    manifest: manifest(`  action: Allow
  file:
    matchPaths: [{path: /secret.txt, fromSource: [{path: /bin/cat}]}]
    matchDirectories: [{dir: /lib/, recursive: true}, {dir: /lib64/, recursive: true}]`),
    steps: [
      runs(['/bin/cat', '/secret.txt']),
      fileDenied(['/bin/cat', '/etc/hostname'], '/etc/hostname', 'file', { policy: 'DefaultPosture' }),
      fileDenied(['/usr/bin/head', '/secret.txt'], '/secret.txt', 'file', { policy: 'DefaultPosture' }),
    ],
  },
  {
    name: 'a file blocked from a source is refused to that source only',
    manifest: manifest('  file:\n    matchPaths: [{path: /secret.txt, fromSource: [{path: /bin/cat}]}]'),
    steps: [
      fileDenied(['/bin/cat', '/secret.txt'], '/secret.txt', 'file.matchPaths[0]'),
      runs(['/usr/bin/head', '/secret.txt']),
    ],
  },
  {
    name: 'an audited file is read and reported',
    manifest: manifest('  action: Audit\n  file:\n    matchPaths: [{path: /secret.txt}]'),
    steps: [
      {
        command: ['/bin/cat', '/secret.txt'],
        expect: 'runs',
        event: {
          policy: POLICY,
          rule: 'file.matchPaths[0]',
          action: 'ACTION_AUDIT',
          result: 'RESULT_PASSED',
          object: '/secret.txt',
          program: '/bin/cat',
          operation: 'open',
          class: 'ACCESS_CLASS_FILE',
        },
      },
    ],
  },
  {
    name: 'a file below a blocked directory is refused',
    manifest: manifest('  file:\n    matchDirectories: [{dir: /credentials/, recursive: true}]'),
    steps: [
      fileDenied(['/bin/cat', '/credentials/password'], '/credentials/password', 'file.matchDirectories[0]'),
      fileDenied(['/bin/ls', '/credentials'], '/credentials/', 'file.matchDirectories[0]'),
      fileDenied(['/bin/touch', '/credentials/new'], '/credentials/new', 'file.matchDirectories[0]', {
        operation: 'mknod',
      }),
      runs(['/bin/cat', '/secret.txt']),
    ],
  },
  {
    name: 'a file blocked for writing is read',
    manifest: manifest('  file:\n    matchPaths: [{path: /credentials/password, readOnly: true}]'),
    steps: [
      fileDenied(dash('echo more >> /credentials/password'), '/credentials/password', 'file.matchPaths[0]'),
      runs(['/bin/cat', '/credentials/password']),
    ],
  },
  {
    name: 'a pattern blocks what it matches',
    manifest: manifest('  file:\n    matchPatterns: [{pattern: /etc/*shadow}]'),
    steps: [
      fileDenied(['/bin/cat', '/etc/shadow'], '/etc/shadow', 'file.matchPatterns[0]'),
      fileDenied(['/bin/cat', '/etc/gshadow'], '/etc/gshadow', 'file.matchPatterns[0]'),
      runs(['/bin/cat', '/etc/hostname']),
    ],
  },
  {
    name: 'two policies on one container are both in force',
    manifest: `${manifest('  file:\n    matchPaths: [{path: /secret.txt}]')}\n---\n${manifest(
      '  file:\n    matchPaths: [{path: /credentials/password}]',
      'second',
    )}`,
    steps: [
      fileDenied(['/bin/cat', '/secret.txt'], '/secret.txt', 'file.matchPaths[0]'),
      fileDenied(['/bin/cat', '/credentials/password'], '/credentials/password', 'file.matchPaths[0]', {
        policy: 'second',
      }),
    ],
  },
  {
    name: 'a relative path and a symbolic link lead to the same refusal',
    manifest: manifest('  file:\n    matchPaths: [{path: /etc/passwd}]'),
    steps: [
      fileDenied(dash('cd /etc && exec cat ../etc/passwd'), '/etc/passwd', 'file.matchPaths[0]', {
        program: '/bin/cat',
      }),
      fileDenied(dash('exec cat /tmp/link'), '/etc/passwd', 'file.matchPaths[0]', { program: '/bin/cat' }),
    ],
  },
  {
    name: 'every way of changing a file blocked for writing is refused, at both ends',
    manifest: manifest('  file:\n    matchDirectories: [{dir: /credentials/, recursive: true, readOnly: true}]'),
    steps: [
      ...(
        [
          ['unlink', '/bin/rm', 'rm -f /credentials/password', '/credentials/password'],
          ['rename', '/bin/mv', 'mv /credentials/password /tmp/taken', '/credentials/password'],
          ['rename', '/bin/mv', 'mv /tmp/other /credentials/given', '/credentials/given'],
          ['link', '/bin/ln', 'ln /credentials/password /tmp/hard', '/credentials/password'],
          ['link', '/bin/ln', 'ln /tmp/other /credentials/hard', '/credentials/hard'],
          ['symlink', '/bin/ln', 'ln -s /tmp/other /credentials/soft', '/credentials/soft'],
          ['mkdir', '/bin/mkdir', 'mkdir /credentials/new', '/credentials/new'],
          ['rmdir', '/bin/rmdir', 'rmdir /credentials/empty', '/credentials/empty/'],
          ['chmod', '/bin/chmod', 'chmod 777 /credentials/password', '/credentials/password'],
          ['chown', '/bin/chown', 'chown 1000 /credentials/password', '/credentials/password'],
          ['open', '/usr/bin/truncate', 'truncate -s 0 /credentials/password', '/credentials/password'],
        ] as const
      ).map(([operation, program, script, object]) =>
        fileDenied(dash(`exec ${script}`), object, 'file.matchDirectories[0]', { program, operation }),
      ),
      runs(['/bin/cat', '/credentials/password']),
    ],
  },
];

/** Creates the files of the samples in a container. */
export const PREPARATION = [
  'echo hidden > /secret.txt',
  'mkdir -p /credentials/empty',
  'echo word > /credentials/password',
  'echo other > /tmp/other',
  'ln -s /etc/passwd /tmp/link',
].join(' && ');
