import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withHook, withoutDefaultLimits } from '../../src/runtime-setup/base-spec.js';
import {
  BUSYBOX_IMAGE,
  Containerd,
  type ContainerdVersion,
  containerdMissing,
  defaultSpecification,
} from '../support/containerd.js';

/** The specification that containerd hands to runc for a pod's container, with these options in its configuration. */
async function specificationOf(version: ContainerdVersion, runcOptions?: string): Promise<Record<string, unknown>> {
  const containerd = await Containerd.start({ version, ...(runcOptions !== undefined && { runcOptions }) });
  try {
    const pod = await containerd.runtime.runPod({ name: 'pod', logDirectory: join(containerd.directory, 'logs') });
    const id = await containerd.runtime.createContainer(pod, { image: BUSYBOX_IMAGE, command: ['/bin/true'] });
    const reported = containerd.ctr('containers', 'info', id);
    const { Labels: labels } = JSON.parse(reported);
    // These differ for each container and each containerd of a test.
    const names = [id, labels['io.kubernetes.pod.uid'], containerd.directory].filter(Boolean);
    const plain = names.reduce((text, name) => text.replaceAll(name, 'X'), reported);
    return JSON.parse(plain.replace(/\b[0-9a-f]{64}\b/gu, 'SANDBOX').replace(/\/proc\/\d+\//gu, '/proc/PID/')).Spec;
  } finally {
    await containerd.stop();
  }
}

for (const version of ['1.6', '1.7', '2'] as const) {
  test(`containerd ${version} gives runc the same specification with the hook as without, except for the hook`, {
    skip: containerdMissing(version) ?? false,
  }, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'hauberk-base-spec-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const hook = {
      path: execFileSync('/bin/sh', ['-c', 'command -v true'], { encoding: 'utf8' }).trim(),
      args: ['hauberk-hook'],
    };
    const file = join(directory, 'spec.json');
    const spec = withoutDefaultLimits(file, defaultSpecification(version));
    writeFileSync(file, JSON.stringify(withHook(file, spec, hook)));

    const without = await specificationOf(version);
    const { hooks, ...rest } = await specificationOf(version, `base_runtime_spec = "${file}"`);
    assert.deepEqual(hooks, { createRuntime: [hook] });
    assert.deepEqual(rest, without);
  });
}
