import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { exec, startContainer } from './docker.js';

/** A server installed on this machine, and commands that make it work. */
export interface Workload {
  readonly name: string;
  /** Run once. */
  readonly prepare: string;
  /** Run again and again. */
  readonly work: string;
  readonly user?: string;
  readonly printed: RegExp;
}

const POSTGRESQL = execFileSync('sh', ['-c', 'ls -d /usr/lib/postgresql/*/bin | tail -n 1'], {
  encoding: 'utf8',
}).trim();

/** Shell code that waits for a condition, with a limit. */
export function until(condition: string): string {
  return `n=0; until ${condition}; do n=$((n + 1)); [ $n -lt 100 ]; sleep 0.1; done`;
}

const idOf = (flag: string) => execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }).trim();

/** Servers, and commands that make them work. */
export const WORKLOADS: readonly Workload[] = [
  {
    name: 'nginx',
    prepare: 'mkdir -p /var/log/nginx /var/lib/nginx /var/www/html /run; echo hello >/var/www/html/index.html',
    work: `set -e
      /usr/sbin/nginx
      /usr/bin/bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; printf "GET / HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3'
      /usr/sbin/nginx -s quit
      ${until('[ ! -e /run/nginx.pid ]')}`,
    printed: /200 OK.*hello/s,
  },
  {
    name: 'redis',
    prepare: 'mkdir -p /var/lib/redis /run',
    work: `set -e
      /usr/bin/redis-server --daemonize yes --dir /var/lib/redis --pidfile /run/redis.pid --bind 127.0.0.1
      ${until('/usr/bin/redis-cli set key value')}
      /usr/bin/redis-cli get key
      /usr/bin/redis-cli save
      /usr/bin/redis-cli shutdown
      ${until('[ ! -e /run/redis.pid ]')}`,
    // The server writes to the same output.
    printed: /OK\n(?:.*\n)*?value\n(?:.*\n)*?OK/,
  },
  {
    name: 'postgresql',
    prepare: `mkdir -p /var/lib/postgresql /run/postgresql && ln -s /run /var/run && chown postgres /var/lib/postgresql /run/postgresql
      setpriv --reuid=postgres --regid=postgres --clear-groups ${POSTGRESQL}/initdb -N -D /var/lib/postgresql/data`,
    work: `set -e
      export PATH=${POSTGRESQL}:/usr/bin
      pg_ctl -w -D /var/lib/postgresql/data -l /var/lib/postgresql/log start
      psql -c 'create table t as select generate_series(1, 1000) as n' postgres
      psql -At -c 'select sum(n) from t' -c checkpoint -c 'drop table t' postgres
      pg_ctl -w -D /var/lib/postgresql/data stop`,
    user: `${idOf('-u')}:${idOf('-g')}`,
    printed: /\n500500\n/,
  },
];

/** Starts a container with this machine's programs, in which the workload can be run. */
export function startWorkload({ name, prepare }: Workload, ...flags: string[]): void {
  const shared = ['/usr', '/etc/nginx', '/etc/passwd', '/etc/group'];
  startContainer(
    'services',
    name,
    ...['--label', `app=${name}`, '--security-opt=apparmor=unconfined', ...flags],
    ...shared.flatMap((path) => ['-v', `${path}:${path}:ro`]),
  );
  const prepared = exec(name, '/bin/dash', '-c', prepare);
  assert.equal(prepared.status, 0, prepared.output);
}
