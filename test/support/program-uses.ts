import { BLOCK, type Group, type Use } from './use.js';

const BY_PERSONALITY = 'by-personality';

export const MEMORY: Group = {
  name: 'executable memory that is not backed by an unmodified file',
  rules: 'presets: [{name: anonymousMapExec, action: Block}]',
  refused: (
    [
      ['shared anonymous memory', 'map', 'shared'],
      ['shared anonymous memory that was written to', 'protect', 'shared-later'],
      ['private anonymous memory that was written to', 'protect', 'private-later'],
      ['a memory file', 'map', 'memory-file'],
      ['a shared memory file that was written to', 'protect', 'memory-file-later'],
      ['a segment of shared memory', 'map', 'segment'],
      ['a private mapping of a file that may be written to as well', 'map', 'file-writable', '/free/file'],
      ['a private mapping of a file that was written to', 'protect', 'file-written', '/free/file'],
      ['a private mapping of a file that becomes writable as well', 'protect', 'file-then-writable', '/free/file'],
      ['a shared mapping of a file that is open for writing', 'map', 'file-shared', '/free/file'],
      ['a shared mapping of a file that was written to', 'protect', 'file-shared-later', '/free/file'],
      ['private memory that a personality makes executable', 'map', BY_PERSONALITY],
      ['code that is written to by /proc/self/mem', 'open', 'own-code'],
      ['code that is written to by /proc/thread-self/mem', 'open', 'own-code-by-thread'],
      ['code of a child that is written to by /proc/PID/mem', 'open', 'code-of-child'],
    ] as const
  ).map(([technique, operation, ...command]) => ({
    technique,
    // Docker's seccomp profile refuses that personality.
    ...(command[0] === BY_PERSONALITY && { container: 'unconfined' as const }),
    command: ['executable', ...command],
    reported: { operation, class: 'ACCESS_CLASS_PRESET' },
  })),
  outOfReach: [
    {
      technique: 'the stack of a program whose header asks for it',
      why: 'the kernel calls no hook',
    },
    {
      technique: 'the heap after personality(READ_IMPLIES_EXEC)',
      container: 'unconfined',
      why: 'the kernel calls no hook',
    },
    {
      technique: 'code of a process that a tracer has attached to, and writes to',
      why: 'a `ptrace` rule refuses to attach',
    },
  ],
  free: [
    ['executable', 'file', '/free/file'],
    ['sh', 'exec /bin/cat /free/file'],
    ['sh', 'exec /bin/cat /proc/self/maps'],
    ['sh', ': </proc/self/mem'],
  ],
};

const INTERPRETER: Omit<Use, 'reported'> = {
  technique: 'run a program whose interpreter it is',
  command: ['sh', '/free/program'],
  preparation: '/bin/uses program /guard/program && /bin/uses program /free/program /guard/program',
};
export const INTERPRETERS: Group = {
  name: 'interpreters of programs that may not be read',
  rules: BLOCK,
  refused: [{ ...INTERPRETER, reported: { operation: 'map', object: '/guard/program', class: 'ACCESS_CLASS_FILE' } }],
  free: [['sh', 'exec /bin/cat /free/file']],
};

export const PROGRAMS: Group = {
  name: 'programs that must not run',
  rules:
    'process: {matchPaths: [{path: /guard/cat}, {path: /guard/program}, {path: /guard/script}, {path: /guard/cat.so}]}',
  refused: [
    { ...INTERPRETER, reported: { operation: 'map', object: '/guard/program', class: 'ACCESS_CLASS_PROCESS' } },
    ...(
      [
        ['run it by the loader', 'map', 'exec /lib*/ld-linux*.so.* /guard/cat /free/file'],
        ['rename it', 'rename', 'exec mv /guard/cat /free/cat'],
        ['exchange it with another file', 'rename', 'exec /bin/uses rename exchange /guard/cat /free/other'],
        ['exchange another file with it', 'rename', 'exec /bin/uses rename exchange /free/other /guard/cat'],
        ['link it', 'link', 'exec ln -f /guard/cat /free/linked'],
      ] as const
    ).map(([technique, operation, script]) => ({
      technique,
      command: ['sh', script],
      // An exchange leaves a file there that nobody may execute.
      preparation: 'rm -f /guard/cat; cp /bin/cat /guard/cat; echo x >/free/other',
      // The event of a link may give the new name.
      reported: operation === 'link' ? { operation } : { operation, object: '/guard/cat' },
    })),
  ],
  outOfReach: [
    {
      technique: 'run a copy of it',
      command: ['sh', 'cp /guard/cat /free/copied && exec /free/copied /free/file'],
      preparation: 'cp -f /bin/cat /guard/cat',
      why: 'the copy is another file; a list of allowed programs refuses it, and so does the preset `drift`',
    },
    {
      technique: 'have an interpreter read it, if it is a script',
      command: ['sh', 'exec /bin/sh /guard/script'],
      preparation: 'echo true >/guard/script; chmod 755 /guard/script',
      why: 'the program that runs is the interpreter; a rule about the file refuses reading it',
    },
    {
      technique: 'take its execute permission away and run it by the loader',
      command: ['sh', 'chmod a-x /guard/cat && exec /lib*/ld-linux*.so.* /guard/cat /free/file'],
      preparation: 'cp -f /bin/cat /guard/cat; chmod 755 /guard/cat',
      why: 'it is then a file like others, as a copy is',
    },
    {
      technique: 'run it by the loader, if it is named like a library',
      command: ['sh', 'exec /lib*/ld-linux*.so.* /guard/cat.so /free/file'],
      preparation: 'cp -f /bin/cat /guard/cat.so',
      why: 'the loader maps libraries in the same way',
    },
  ],
  free: [
    ['sh', 'exec cp /guard/cat /free/copy'],
    ['sh', 'exec /lib*/ld-linux*.so.* /bin/cat /free/file'],
    ['sh', 'exec mv /free/copy /free/moved'],
  ],
};
