import { execFileSync } from 'node:child_process';
import { parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../../src/kubernetes/api-client.js';

export const CHART = 'packaging/kubernetes/helm/hauberk';

/** What helm prints. @throws where it fails */
export function helm(...parameters: readonly string[]): string {
  return execFileSync(process.env.HAUBERK_HELM!, parameters, { encoding: 'utf8', stdio: 'pipe' });
}

/** What Helm makes of the chart. @param settings as `--set-json` takes them */
export function rendered(...settings: readonly string[]): string {
  const flags = settings.flatMap((setting) => ['--set-json', setting]);
  const parameters = ['template', 'hauberk', CHART, '--namespace', 'hauberk', '--kube-version', '1.36', ...flags];
  return helm(...parameters);
}

/** Objects by what and where they are. */
export function objectsIn(text: string): Record<string, unknown> {
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject | null);
  const keyOf = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
  return Object.fromEntries(objects.flatMap((each) => (each === null ? [] : [[keyOf(each), each]])));
}
