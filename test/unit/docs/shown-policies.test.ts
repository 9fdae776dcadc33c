import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readManifest } from '../../../src/policy/manifest.js';
import type { Policy } from '../../../src/policy/model.js';
import { readCases } from '../../../src/policy-test/case-file.js';
import { runCases } from '../../../src/policy-test/run.js';

/** The manifests that a page shows. */
function policiesOf(page: string): Policy[] {
  return [...readFileSync(page, 'utf8').matchAll(/^```yaml\n(apiVersion:.*?)^```$/gmsu)].flatMap(([, manifest]) =>
    readManifest(manifest!).map(({ policy }) => policy),
  );
}

async function check(policies: readonly Policy[], cases: string): Promise<void> {
  const results = await runCases(readCases(cases), policies);
  assert.deepEqual(
    results.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`)),
    [],
  );
}

test("the README's policy refuses what the README says, by the container's name alone", async () => {
  await check(
    policiesOf('README.md'),
    `
    cases:
      - container: {labels: {kubearmor.io/container.name: web}}
        program: /bin/cat
        operation: read
        object: /etc/shadow
        expect: {action: block, rule: "default/protect-shadow file.matchPaths[0]"}
      - container: {labels: {kubearmor.io/container.name: other}}
        program: /bin/cat
        operation: read
        object: /etc/shadow
        expect: {action: allow, rule: nothing}`,
  );
});

/** Cases for the policy reference: policy, access without its container, and decision. */
const CASES: readonly (readonly [string, string, string])[] = [
  ['no-shells', 'operation: execute, object: /usr/bin/sh', 'block'],
  ['no-shells', 'operation: execute, object: /usr/bin/socat', 'block'],
  ['no-shells', 'operation: execute, object: /tmp/a/b', 'block'],
  ['no-shells', 'operation: execute, object: /usr/bin/python3.11, arguments: ["-m", random]', 'allow'],
  ['no-shells', 'operation: execute, object: /usr/bin/python3.11, arguments: ["-c", x]', 'block'],
  ['keys', 'program: /usr/sbin/nginx, operation: read, object: /etc/nginx/key.pem', 'allow'],
  ['keys', 'program: /bin/cat, operation: read, object: /etc/nginx/key.pem', 'block'],
  ['keys', 'operation: read, object: /etc/passwd', 'allow'],
  ['keys', 'operation: write, object: /etc/passwd', 'block'],
  ['keys', 'operation: write, object: /srv/x', 'allow'],
  ['egress', 'operation: communicate, socket: {direction: egress, address: 169.254.169.254, port: 80}', 'block'],
  ['egress', 'operation: resolve, object: www.example.com', 'allow'],
  ['egress', 'operation: resolve, object: example.org', 'block'],
  ['no-raw-packets', 'operation: use, object: net_raw', 'block'],
  ['no-raw-packets', 'program: /bin/bash, operation: use, object: sys_ptrace', 'block'],
  ['no-raw-packets', 'program: /bin/dash, operation: use, object: sys_ptrace', 'allow'],
  ['nothing-from-memory', 'operation: access, object: /tmp/x, filesystem: tmpfs', 'block'],
  ['no-mounts', 'operation: mount, object: /srv, filesystem: tmpfs', 'block'],
  ['no-mounts', 'operation: mount, object: /mnt/a, filesystem: tmpfs', 'allow'],
  ['no-tracing', 'operation: attach, object: /usr/bin/ssh-agent', 'block'],
  ['no-tracing', 'operation: trace, object: /usr/bin/ssh-agent', 'allow'],
  ['no-user-namespaces', 'operation: unshare, object: user', 'block'],
  ['no-code-in-memory', 'operation: behave, object: filelessExec', 'block'],
  ['image-only', 'operation: behave, object: drift', 'audit'],
  ['image-only', 'operation: behave, object: drift /mnt/tool', 'audit'],
  ['image-only', 'operation: behave, object: drift /opt/plugins/tool.so', 'allow'],
  ['watch-calls', 'operation: call, object: ptrace', 'audit'],
];

for (const [name, access, action] of CASES) {
  test(`policy reference, ${name}: the decision on ${access} is ${action}`, async () => {
    const policies = policiesOf('docs/policy-reference.md').filter((policy) => policy.name === name);
    assert.equal(policies.length, 1);
    const program = access.startsWith('program:') ? '' : 'program: /bin/true, ';
    await check(
      policies,
      `
    postures: {process: block, file: block, network: block, capabilities: block}
    cases:
      - {container: {labels: {app: web}}, ${program}${access}, expect: {action: ${action}}}`,
    );
  });
}

test('there is a case for every policy of the policy reference, except for the host and audit mode', () => {
  const tried = new Set(CASES.map(([name]) => name));
  const left = policiesOf('docs/policy-reference.md')
    .filter(({ scope, mode }) => scope !== 'host' && mode !== 'audit')
    .filter(({ name }) => !tried.has(name));
  assert.deepEqual(
    left.map(({ name }) => name),
    [],
  );
});
