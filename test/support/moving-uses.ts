import { ALL_BUT_BLOCKED, type Group } from './use.js';

const moves = (operations: string, techniques: readonly (readonly [string, string, string])[]): Group => ({
  name: `files that are moved, where a rule names ${operations}`,
  rules: `file: {matchDirectories: [{dir: /v/guard/, recursive: true, operations: [${operations}]}]}`,
  allowList: ALL_BUT_BLOCKED,
  refused: techniques.map(([technique, operation, script]) => ({
    technique,
    command: ['sh', script],
    preparation: 'rm -f /v/free/moved /v/guard/moved /v/guard/new; echo x >/v/guard/moved; echo x >/v/free/other',
    reported: { operation },
  })),
  free: [
    ['sh', 'mv /v/free/other /v/free/another && ln -f /v/free/another /v/free/other'],
    ...(operations === 'create' ? [['sh', 'exec mv /v/guard/moved /v/free/moved']] : []),
  ],
});

/** With RENAME_EXCHANGE. */
const EXCHANGED = [
  ['exchange it with another file', 'rename', 'exec /bin/uses rename exchange /v/guard/moved /v/free/other'],
  ['exchange another file with it', 'rename', 'exec /bin/uses rename exchange /v/free/other /v/guard/moved'],
] as const;
const AWAY = [
  ['rename it away', 'rename', 'exec mv /v/guard/moved /v/free/moved'],
  ['rename it away and leave a whiteout', 'rename', 'exec /bin/uses rename whiteout /v/guard/moved /v/free/moved'],
  ['rename it away by io_uring', 'rename', 'exec /bin/uses ring rename /v/guard/moved /v/free/moved'],
  ['link it away', 'link', 'exec ln /v/guard/moved /v/free/moved'],
  ['link it away by io_uring', 'link', 'exec /bin/uses ring link /v/guard/moved /v/free/moved'],
] as const;
const ONTO = [
  ['rename onto it', 'rename', 'exec mv -f /v/free/other /v/guard/moved'],
  ['rename onto it by io_uring', 'rename', 'exec /bin/uses ring rename /v/free/other /v/guard/moved'],
] as const;
const CREATED = [
  ...ONTO,
  ['rename to a new name', 'rename', 'exec mv /v/free/other /v/guard/new'],
  ['link to a new name', 'link', 'exec ln /v/free/other /v/guard/new'],
  ['link a file without a name to a new one', 'link', 'exec /bin/uses link-nameless /v/free /v/guard/new'],
  ['leave a whiteout', 'rename', 'exec /bin/uses rename whiteout /v/guard/moved /v/free/moved'],
  ['make a symbolic link', 'symlink', 'exec ln -s x /v/guard/new'],
  ['make a node', 'mknod', 'exec mknod /v/guard/new c 1 3'],
  ['make a socket', 'mknod', 'exec /bin/uses serve stream /v/guard/new'],
] as const;
export const MOVES = [
  moves('read', [...AWAY, ...EXCHANGED]),
  moves('write', [...AWAY, ...ONTO, ...EXCHANGED]),
  moves('create', [...CREATED, ...EXCHANGED]),
  moves('attributes', [...AWAY, ...EXCHANGED]),
  moves('map', [...AWAY, ...EXCHANGED]),
  moves('delete', [
    ...AWAY,
    ...ONTO,
    ...EXCHANGED,
    ['unlink it by io_uring', 'unlink', 'exec /bin/uses ring unlink /v/guard/moved'],
  ]),
];
