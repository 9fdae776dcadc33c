/** The files that hold the numbers of this host's users and groups: passwd(5), group(5). */
const FILES = { user: '/etc/passwd', group: '/etc/group' } as const;
const NUMBERS = { user: 'uid', group: 'gid' } as const;

/**
 * A client named by a user or group of this host, `user:NAME` or `group:NAME`, as the number that the kernel uses:
 * `uid:NUMBER` or `gid:NUMBER`. Any other name stays as it is.
 *
 * @throws Error when there is no such user or group
 */
export function resolveSystemName(client: string, readFile: (path: string) => string): string {
  const [, kind, name] = /^(user|group):(.*)$/u.exec(client) ?? [];
  if (kind === undefined) return client;
  const file = FILES[kind as keyof typeof FILES];
  const line = readFile(file)
    .split('\n')
    .map((text) => text.split(':'))
    .find(([itsName]) => itsName === name && name !== '');
  if (line === undefined) throw new Error(`there is no ${kind} ${JSON.stringify(name)} in ${file}`);
  return `${NUMBERS[kind as keyof typeof NUMBERS]}:${line[2]}`;
}
