import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { ApiServer } from '../support/api-server.js';
import { commandsOn } from '../support/page-commands.js';

/** Runs lines of the page about Kubernetes, by the real kubectl and helm, against a new API server. */
async function runLines(isMeant: (line: string) => boolean, ...more: readonly string[]): Promise<void> {
  const server = await ApiServer.start();
  try {
    const programs = [process.env.HAUBERK_KUBECTL!, process.env.HAUBERK_HELM!].map((path) => dirname(path));
    const env = { ...process.env, KUBECONFIG: server.adminConfig(), PATH: [...programs, process.env.PATH].join(':') };
    for (const line of [...commandsOn('docs/kubernetes.md').filter(isMeant), ...more])
      execFileSync('bash', ['-c', line], { env, timeout: 60_000, stdio: ['ignore', 'ignore', 'inherit'] });
  } finally {
    await server.stop();
  }
}

/** It waits for pods, which only a controller creates. */
const WAITS = /rollout status/u;
const FOR_HELM = /^helm |^kubectl (create|label) namespace /u;

test('the commands of the page about Kubernetes install hauberkd and its hook, and remove them, in that order', () =>
  runLines((line) => line.startsWith('kubectl ') && !FOR_HELM.test(line) && !WAITS.test(line)));

test('its commands install the Helm chart, which can be uninstalled', () =>
  runLines((line) => FOR_HELM.test(line), 'helm uninstall hauberk -n hauberk'));
