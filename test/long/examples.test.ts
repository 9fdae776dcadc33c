import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { docker, enterMeanwhile } from '../support/docker.js';
import { runFromMemory } from '../support/perl.js';
import { startWorkload, until, WORKLOADS, type Workload } from '../support/workloads.js';

/** The directory with WordPress' files, which `npm run test:kernels` sets: these programs are large. */
const WORDPRESS = process.env.HAUBERK_WORDPRESS ?? '';
const EXAMPLES = 'examples/policies';

interface Attempt {
  readonly command: string;
  /** The name of the example that refuses it. */
  readonly policy: string;
  readonly object: RegExp;
}

/** Refused under the hardening examples in every workload. */
const EVERYWHERE: readonly Attempt[] = [
  { command: 'read line </etc/shadow', policy: 'credentials', object: /^\/etc\/shadow$/u },
  { command: 'echo x >/etc/crontab', policy: 'persistence', object: /^\/etc\/crontab$/u },
  { command: '/usr/bin/dpkg --version', policy: 'package-managers', object: /^\/usr\/bin\/dpkg$/u },
  { command: '/usr/bin/ssh -V', policy: 'network-tools', object: /^\/usr\/bin\/ssh$/u },
  { command: 'echo x >/etc/ld.so.preload', policy: 'programs-read-only', object: /^\/etc\/ld\.so\.preload$/u },
  { command: '/usr/bin/mknod /tmp/null c 1 3', policy: 'kernel-and-devices', object: /mknod/iu },
  {
    command: '/usr/bin/mkdir -p /run; : >/run/docker.sock',
    policy: 'container-engines',
    object: /^\/run\/docker\.sock$/u,
  },
  {
    command: `/usr/bin/perl -e '${runFromMemory('/usr/bin/true')}'`,
    policy: 'code-in-memory',
    object: /^memory without a file$/u,
  },
  {
    command: "/usr/bin/bash -c ': >/dev/tcp/169.254.169.254/80'",
    policy: 'cloud-metadata',
    object: /169\.254\.169\.254/u,
  },
];

function java(): string {
  return `${dirname(realpathSync('/usr/bin/javac'))}/java`;
}

const get = (port: number, path: string) =>
  `/usr/bin/bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}; printf "GET ${path} HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3'`;

const php = (path: string) => `/usr/bin/php8.2 -S 127.0.0.1:8080 -t /var/www/html >/dev/null 2>&1 &
  ${until("/usr/bin/bash -c ': </dev/tcp/127.0.0.1/8080'")}
  ${get(8080, path)}
  kill $!`;

function others(): Workload[] {
  return [
    {
      name: 'node',
      prepare: 'mkdir /app; echo "console.log(\\"hello from Node\\")" >/app/server.js',
      work: '/usr/bin/node /app/server.js',
      printed: /hello from Node/u,
    },
    {
      name: 'java',
      prepare: 'mkdir /app; cp /mnt/Attacked.java /app/',
      work: `${java()} -XX:TieredStopAtLevel=1 /app/Attacked.java`,
      printed: /hello from Java/u,
    },
    {
      name: 'wordpress',
      prepare: `mkdir -p /var/www/html; cp -r /mnt/wordpress/. /var/www/html/; rm /var/www/html/wp-config.php
        mkdir -p /var/www/html/wp-content/uploads; echo '<?php echo "uploaded";' >/var/www/html/wp-content/uploads/shell.php`,
      work: php('/wp-admin/setup-config.php'),
      printed: /WordPress/u,
    },
  ];
}

const ATTEMPTS: Readonly<Record<string, readonly Attempt[]>> = {
  nginx: [
    { command: 'echo x >/var/www/html/index.html', policy: 'nginx', object: /^\/var\/www\/html\/index\.html$/u },
    {
      command: '/usr/sbin/nginx -t -g "error_log /var/www/html/shell.php;"',
      policy: 'nginx',
      object: /^\/var\/www\/html\/shell\.php$/u,
    },
  ],
  redis: [
    {
      command: `/usr/bin/redis-server --daemonize yes --dir /home/user1 --pidfile /run/redis.pid --bind 127.0.0.1
        ${until('/usr/bin/redis-cli set key value')}
        /usr/bin/redis-cli save; /usr/bin/redis-cli shutdown nosave`,
      policy: 'redis',
      object: /^\/home\/user1\/temp-\d+\.rdb$/u,
    },
  ],
  postgresql: [
    {
      command: 'read line </var/lib/postgresql/data/PG_VERSION',
      policy: 'postgresql',
      object: /^\/var\/lib\/postgresql\/data\/PG_VERSION$/u,
    },
    {
      command: `export PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):/usr/bin
        pg_ctl -w -D /var/lib/postgresql/data -l /var/lib/postgresql/log start
        psql -c "copy (select 1) to program '/usr/bin/id'" postgres
        pg_ctl -w -D /var/lib/postgresql/data stop`,
      policy: 'postgresql',
      object: /^\/usr\/bin\/dash$/u,
    },
  ],
  node: [
    {
      command: "/usr/bin/node -e \"require('child_process').execFileSync('/usr/bin/id')\"",
      policy: 'node',
      object: /^\/usr\/bin\/id$/u,
    },
    { command: 'echo x >/app/server.js', policy: 'node', object: /^\/app\/server\.js$/u },
  ],
  java: [
    { command: '$JAVA /app/Attacked.java attacked', policy: 'java', object: /jspawnhelper$/u },
    { command: '$JAVA /app/Attacked.java attacked', policy: 'java', object: /1389/u },
  ],
  wordpress: [
    { command: '/usr/bin/php8.2 -r "system(\'/usr/bin/id\');"', policy: 'wordpress', object: /^\/usr\/bin\/dash$/u },
    { command: php('/wp-content/uploads/shell.php'), policy: 'wordpress', object: /uploads\/shell\.php$/u },
    { command: 'echo x >/var/www/html/wp-includes/version.php', policy: 'wordpress', object: /version\.php$/u },
  ],
};

describe('the examples, on the real programs', {
  skip: WORDPRESS === '' && 'only npm run test:kernels has these programs',
}, () => {
  const daemon = new Daemon();
  const client = new Client(daemon.address);
  const workloads = WORDPRESS === '' ? [] : [...WORKLOADS, ...others()];
  let events: EventStream;

  before(async () => {
    execFileSync('tools/vm/docker', { stdio: 'inherit' });
    execFileSync('tools/vm/image', ['--merged-usr', 'services', '/usr/bin/dash'], { stdio: 'inherit' });
    const mounts = [
      `${WORDPRESS}/usr/share/wordpress:/mnt/wordpress`,
      `${resolve('test/support')}/Attacked.java:/mnt/Attacked.java`,
      // Debian's directory of Java settings.
      ...readdirSync('/etc').flatMap((name) => (/^java-\d/u.test(name) ? [`/etc/${name}:/etc/${name}`] : [])),
    ];
    const flags = mounts.flatMap((mount) => ['-v', `${mount}:ro`]);
    for (const workload of workloads) startWorkload(workload, '--label', 'hardening=true', ...flags);
    await daemon.start();
    const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'));
    // One by one: under emulation all of them together take longer than a call may.
    assert.deepEqual(
      [...new Set([...EVERYWHERE, ...Object.values(ATTEMPTS).flat()].map(({ policy }) => policy))].sort(),
      files.map((file) => file.replace('.yaml', '')).sort(),
      'what each example refuses is tried',
    );
    for (const file of files)
      await client.call('PolicyService', 'ApplyPolicy', { manifest: readFileSync(`${EXAMPLES}/${file}`, 'utf8') });
    events = await client.stream();
  });

  after(async () => {
    events?.cancel();
    client.close();
    await daemon.end('SIGTERM');
    docker('rm', '-f', ...workloads.map(({ name }) => name));
  });

  const run = ({ name, user = '0:0' }: Workload, command: string) => {
    const [uid, gid] = user.split(':').map(Number) as [number, number];
    const variables = name === 'java' ? { JAVA: java() } : {};
    return enterMeanwhile(name, ['/bin/dash', '-c', command], { variables, user: { uid, gid } });
  };

  for (const workload of workloads) {
    const { name, work, printed } = workload;
    test(`${name} works under its example and those for hardening, which refuse the attacks`, async () => {
      events.clear();
      const { output } = await run(workload, work);
      assert.match(output, printed);
      const attempts = [
        ...ATTEMPTS[name]!.map((each) => ({ ...each, by: workload })),
        ...EVERYWHERE.map((each) => ({ ...each, by: { ...workload, user: '0:0' } })),
      ];
      const tried = new Set<string>();
      for (const { command, policy, object, by } of attempts) {
        tried.add(policy);
        const attempted = await run(by, command);
        const isIt = (event: { containerName: string; policy: string; object: string; result: string }) =>
          event.containerName === name &&
          event.policy === policy &&
          object.test(event.object) &&
          event.result === 'RESULT_DENIED';
        await events
          .find(isIt)
          .catch((error: Error) => assert.fail(`${command}: ${attempted.output}\n${error.message}`));
        // Refusals during the regular work would have been reported before this one.
        for (const event of events.events.filter(({ result }) => result === 'RESULT_DENIED'))
          assert.ok(tried.has(event.policy), `${event.policy} has refused ${event.operation} of ${event.object}`);
        events.clear();
      }
    });
  }
});
