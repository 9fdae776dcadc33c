import type { Group } from './use.js';

const FILE = '/guard/file';
/** A copy in the container's upper layer, which is not of the image. */
const COPY = 'cp /lib/*-linux-gnu/libc.so.6 /free/libc.so.6';

/** Ways to do as another program what that program alone may do. */
export const SOURCES: Group = {
  name: 'what one program alone may do',
  rules: `file:
    matchPaths:
    - {path: ${FILE}, fromSource: [{path: /bin/cat}], action: Allow}
    - {path: ${FILE}, action: Block}
    matchDirectories: [{dir: /, recursive: true, action: Allow}]`,
  refused: [
    ...(
      [
        ['memory-write', 'default'],
        ['attach', 'default'],
        ['copy-to', 'unconfined'],
        ['take-descriptor', 'unconfined'],
      ] as const
    ).map(([how, container]) => ({
      technique: `reach into that program (${how})`,
      container,
      command: ['reach-into', how, '/bin/cat'],
      reported: { operation: 'trace', object: '/bin/cat', class: 'ACCESS_CLASS_PTRACE' },
    })),
    {
      technique: 'run it under control',
      command: ['run', 'traced', '/bin/cat', FILE],
      reported: { operation: 'open', object: FILE },
    },
    {
      technique: 'make its loader load a library that is not of the image',
      command: ['sh', `LD_PRELOAD=/free/libc.so.6 exec /bin/cat ${FILE}`],
      preparation: COPY,
      reported: { operation: 'open', object: FILE },
    },
    {
      technique: 'make its loader search a volume',
      command: ['sh', `LD_LIBRARY_PATH=/v/free exec /bin/cat ${FILE}`],
      preparation: `${COPY}; cp /free/libc.so.6 /v/free/libc.so.6`,
      reported: { operation: 'open', object: FILE },
    },
    {
      technique: 'run it in a root with another loader',
      command: ['sh', `cd / && exec /bin/uses run elsewhere /bin/cat ${FILE.slice(1)}`],
      preparation: 'rm -rf /root/lib /root/lib64; cp -a /lib /lib64 /root/',
      reported: { operation: 'open', object: FILE },
    },
    {
      technique: 'replace it by another program',
      command: ['sh', 'cp /bin/dash /free/cat && exec mv -f /free/cat /bin/cat'],
      preparation: '[ -e /free/kept ] || cp -p /bin/cat /free/kept; cp -p /free/kept /bin/cat',
      reported: { operation: 'rename', object: '/bin/cat' },
    },
  ],
  free: [
    ['sh', `exec /bin/cat ${FILE}`],
    ['sh', `LD_PRELOAD=libc.so.6 LD_LIBRARY_PATH=/nowhere exec /bin/cat ${FILE}`],
    ['sh', 'LD_PRELOAD=/free/libc.so.6 exec /bin/touch /free/file'],
  ],
};
