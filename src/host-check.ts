import { release } from 'node:os';
import { builtFile } from './built-files.js';
import type { Config } from './config/config.js';
import { hostRoot, ownNamespaces } from './containers/procfs.js';
import { Failure } from './failure.js';
import { Kernel } from './kernel/kernel.js';
import { explainMissing } from './kernel/missing-hooks.js';
import { missingSupport } from './kernel/support.js';
import { describeUntested, isTested } from './kernel/tested-kernels.js';

export const OBJECT_PATH = builtFile('bpf/hauberk.bpf.o');

/** @throws Failure failed-precondition with everything that is missing */
export function requireSupport(pinDirectory: string): void {
  const missing = missingSupport(pinDirectory, hostRoot);
  if (missing.length > 0)
    throw new Failure('failed-precondition', `this host cannot enforce:\n- ${missing.join('\n- ')}`);
}

/**
 * Attaches the programs with separate pins and removes them again: only then does it show what the kernel refuses.
 *
 * @returns what is to be reported: each hook that is missing, and whether such a kernel was tested
 */
export function check({ bpffsDir, requireHooks }: Pick<Config, 'bpffsDir' | 'requireHooks'>): string {
  requireSupport(bpffsDir);
  const kernel = new Kernel(OBJECT_PATH, `${bpffsDir}-check`, ownNamespaces(), { requireHooks });
  kernel.detach();
  const remarks = [
    ...kernel.missingHooks.map((each) => `but ${explainMissing(each)}`),
    ...(isTested(release()) ? [] : [describeUntested(release())]),
  ];
  return ['this kernel can enforce', ...remarks.map((each) => `- ${each.replaceAll('\n', '\n    ')}`), ''].join('\n');
}
