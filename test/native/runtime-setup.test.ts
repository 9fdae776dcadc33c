import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SetupStatus } from '../../src/runtime-setup/setup.js';

const PROGRAM = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** Mounts, for the script alone, over every directory that the command or a runtime writes to, and a hook that refuses. */
const PREPARE = `
mount -t tmpfs tmpfs "$DIRECTORY"
cd "$DIRECTORY"
for name in etc usr/local var/lib; do
  mkdir -p "upper/$name" "scratch/$name"
  mount -t overlay -o "lowerdir=/$name,upperdir=$DIRECTORY/upper/$name,workdir=$DIRECTORY/scratch/$name" overlay "/$name"
done
mkdir -p /var/lib/containerd /var/lib/docker /var/lib/containers
for path in /run /var/lib/containerd /var/lib/docker /var/lib/containers; do mount -t tmpfs tmpfs "$path"; done
rm -f /etc/docker/daemon.json
printf '#!/bin/sh\\ntouch /run/hook-was-called\\nexit 1\\n' >hook
mkdir -p root/bin && cp "$(command -v busybox)" root/bin/busybox && ln -s busybox root/bin/true
hauberk() { "$NODE" "$HAUBERK" runtime "$@"; }
install() { hauberk install "$@" --yes --hook "$DIRECTORY/hook" >&2; }
status() { hauberk status "$1" --output json | "$NODE" -p 'JSON.stringify(JSON.parse(require("fs").readFileSync(0)))' || true; }
wait_for() { for _ in $(seq 100); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.1; done; echo "$* fails" >&2; cat log >&2; exit 1; }
end() { kill "$1"; wait "$1" || true; }
`;

/** Runs a script in namespaces of its own; what it starts ends with it. */
function isolated(t: TestContext, script: string): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-runtimes-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const { status, stdout, stderr } = spawnSync('unshare', [...namespaces, 'bash', '-euc', PREPARE + script], {
    encoding: 'utf8',
    env: { ...process.env, DIRECTORY: directory, NODE: process.execPath, HAUBERK: PROGRAM },
    timeout: 120_000,
  });
  assert.equal(status, 0, stderr);
  return stdout.trim().split('\n');
}

function statusesIn(lines: readonly string[]): SetupStatus[] {
  return lines.map((line) => JSON.parse(line)[0]);
}

/** The reason to skip a test, or false. */
function without(...programs: readonly string[]): string | false {
  const directories = (process.env.PATH ?? '').split(':');
  const missing = programs.filter((name) => !directories.some((directory) => existsSync(join(directory, name))));
  return missing.length > 0 && `not installed: ${missing.join(', ')}`;
}

test('after a restart containerd calls the hook, and status reports the state before and after', {
  skip: without('containerd', 'ctr'),
}, (t) => {
  const lines = isolated(
    t,
    `
start() { containerd >log 2>&1 & daemon=$!; wait_for ctr version; }
start; status containerd
cp /etc/containerd/config.toml original
install containerd; status containerd
end $daemon; start; status containerd
install containerd --nri; status containerd
end $daemon; start; status containerd
hauberk uninstall containerd --yes >&2; cmp /etc/containerd/config.toml original >&2
install containerd --when-unanswered allow; status containerd
end $daemon
`,
  );
  const statuses = statusesIn(lines);
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['not-installed', 'not-in-force-yet', 'in-force', 'not-in-force-yet', 'in-force', 'not-in-force-yet'],
  );
  assert.deepEqual(
    statuses.map(({ whenUnanswered }) => whenUnanswered),
    [undefined, 'refuse', 'refuse', 'refuse', 'refuse', 'allow'],
  );
  assert.ok(statuses[3]!.notes.includes('NRI is in force after a restart of containerd (1.7 or later)'));
  assert.ok(!statuses[3]!.notes.includes('in force after a restart of containerd'), 'the hook is in force');
});

test('containerd reads every kind of edited file as intended', { skip: without('containerd', 'ctr') }, (t) => {
  const lines = isolated(
    t,
    `
show() { containerd config dump 2>/dev/null | sed -n "s/^ *base_runtime_spec = //p" | sort -u | tr '\\n' ' '; echo; }
try() { install containerd; show; hauberk uninstall containerd --yes >&2; }
try
rm -f /etc/containerd/config.toml; try; test ! -e /etc/containerd/config.toml
containerd config default >/etc/containerd/config.toml; try
`,
  );
  for (const line of lines) assert.match(line, /["']\/etc\/containerd\/hauberk-base-spec\.json["']/u);
  assert.equal(lines.length, 3);
});

test('dockerd uses the runtime until it is uninstalled, containers created with it still start, and status names those created before', {
  skip: without('dockerd', 'containerd', 'docker', 'busybox'),
}, (t) => {
  const lines = isolated(
    t,
    `
dockerd --bridge=none --iptables=false >log 2>&1 & daemon=$!
wait_for docker info
tar -C root -c . | docker import - probe >&2
docker create --name before --network none probe /bin/true >&2
status docker
install docker; status docker
hauberk install docker --yes --reload --hook "$DIRECTORY/hook" >&2; status docker
docker create --name after --network none probe /bin/true >&2
if docker start after >&2; then exit 1; fi
docker rm before >&2; status docker
hauberk uninstall docker --yes --reload >&2; status docker
docker start after >&2
cat /etc/docker/daemon.json | tr -d '\\n '; echo
end $daemon
`,
  );
  const statuses = statusesIn(lines.slice(0, -1));
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['not-installed', 'not-in-force-yet', 'partly', 'in-force', 'not-installed'],
  );
  assert.deepEqual(
    statuses[2]!.uncovered.map(({ name, runtime, running }) => ({ name, runtime, running })),
    [{ name: 'before', runtime: 'runc', running: false }],
  );
  assert.equal(lines.at(-1), '{"runtimes":{"hauberk":{"path":"runc"}},"default-runtime":"runc"}');
});

test('podman calls the hook, and does not start a container that it refuses', {
  skip: without('podman', 'runc', 'busybox'),
}, (t) => {
  const lines = isolated(
    t,
    `
run() { podman --storage-driver vfs --cgroup-manager cgroupfs run --rm --network host --rootfs "$DIRECTORY/root" /bin/true >>log 2>&1; }
run || true; test ! -e /run/hook-was-called
install podman; status podman
if run; then exit 1; fi
test -e /run/hook-was-called && rm /run/hook-was-called
hauberk uninstall podman --yes >&2
run || true; test ! -e /run/hook-was-called; status podman
`,
  );
  assert.deepEqual(
    statusesIn(lines).map(({ state }) => state),
    ['in-force', 'not-installed'],
  );
});
