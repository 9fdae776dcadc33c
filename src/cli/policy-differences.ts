import { createTwoFilesPatch } from 'diff';
import type { HauberkClient, PolicyChange } from '../client/index.js';
import { checkPattern } from '../image/pattern.js';
import { readManifest } from '../policy/manifest.js';
import { toManifest } from '../policy/manifest-text.js';
import { policyKey } from '../policy/model.js';
import type { ManifestFiles } from './manifest-files.js';
import { coloured, FILES_WORTH_PROGRESS, Progress } from './output.js';
import { keyOf } from './policy-key.js';

/** More differences than these nobody reads. */
const DIFFERENCES_SHOWN = 100;

/** Shows how policies will change, in the form the daemon keeps them in. */
export async function showDifferences(
  client: HauberkClient,
  manifests: ManifestFiles,
  updated: readonly PolicyChange[],
  ignoreForeign: boolean,
): Promise<void> {
  const wanted = new Map(
    readManifest(manifests.text, { checkPattern, ignoreForeign }).map(({ policy }) => [
      policyKey(policy),
      toManifest(policy),
    ]),
  );
  const shown = updated.slice(0, DIFFERENCES_SHOWN);
  const progress = new Progress('policies compared:', shown.length);
  for (const [index, change] of shown.entries()) {
    const { namespace, name, scope } = change;
    const { manifest } = await client.policies.getPolicy({ namespace, name, scope });
    const key = keyOf(change);
    const patch = createTwoFilesPatch(key, key, manifest, wanted.get(key) ?? '', 'in force', 'to be applied');
    process.stdout.write(patch.split('\n').slice(1).map(colouredLine).join('\n'));
    if (shown.length >= FILES_WORTH_PROGRESS) progress.at(index + 1);
  }
  const left = updated.length - shown.length;
  if (left > 0) process.stdout.write(`and ${left} more that differ\n`);
}

function colouredLine(line: string): string {
  if (line.startsWith('+')) return coloured('green', line);
  return line.startsWith('-') ? coloured('red', line) : line;
}
