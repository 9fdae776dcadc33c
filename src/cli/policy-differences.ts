import { createTwoFilesPatch } from 'diff';
import { type HauberkClient, type PolicyChange, PolicyChange_Kind } from '../client/messages.js';
import { readManifest } from '../policy/manifest.js';
import { toManifest } from '../policy/manifest-text.js';
import { policyKey } from '../policy/model.js';
import { printable } from '../printable.js';
import type { ManifestFiles } from './manifest-files.js';
import { coloured, FILES_WORTH_PROGRESS, Progress } from './output.js';
import { asOwn } from './own-origin.js';
import { keyOf } from './policy-key.js';
import { terminal } from './terminal.js';

/** The most differences that are shown. */
const DIFFERENCES_SHOWN = 100;

/** Shows how policies will change, in the form the daemon keeps them in. */
export async function showDifferences(
  client: HauberkClient,
  manifests: ManifestFiles,
  changes: readonly PolicyChange[],
  ignoreForeign: boolean,
): Promise<void> {
  const updated = updatedOf(changes);
  const shown = updated.slice(0, DIFFERENCES_SHOWN);
  for (const patch of (await differencesOf(client, manifests, shown, ignoreForeign)).values()) {
    terminal().out(patch.split('\n').map(colouredLine).join('\n'));
  }
  const left = updated.length - shown.length;
  if (left > 0) terminal().out(`and ${left} more that differ\n`);
}

/** By the key of a policy that would be updated, the difference between what is in force and what would be. */
export async function differencesOf(
  client: HauberkClient,
  manifests: ManifestFiles,
  changes: readonly PolicyChange[],
  ignoreForeign: boolean,
): Promise<Map<string, string>> {
  const updated = updatedOf(changes);
  const differences = new Map<string, string>();
  if (updated.length === 0) return differences;
  const wanted = new Map(
    readManifest(manifests.text, { ignoreForeign }).map(({ policy }) => [policyKey(asOwn(policy)), toManifest(policy)]),
  );
  const progress = new Progress('policies compared:', updated.length);
  for (const [index, change] of updated.entries()) {
    const { namespace, name, scope, origin } = change;
    const { manifest } = await client.policies.getPolicy({ namespace, name, scope, origin });
    const key = keyOf(change);
    const patch = createTwoFilesPatch(key, key, manifest, wanted.get(key) ?? '', 'in force', 'to be applied');
    differences.set(key, patch.split('\n').slice(1).join('\n'));
    if (updated.length >= FILES_WORTH_PROGRESS) progress.at(index + 1);
  }
  return differences;
}

function updatedOf(changes: readonly PolicyChange[]): PolicyChange[] {
  return changes.filter(({ kind }) => kind === PolicyChange_Kind.UPDATED);
}

function colouredLine(line: string): string {
  if (line.startsWith('+')) return coloured('green', line);
  return line.startsWith('-') ? coloured('red', line) : printable(line);
}
