import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { applyChange } from '../../../src/runtime-setup/change.js';
import { HOOK_DIRECTORY } from '../../../src/runtime-setup/hook-program.js';
import { Host } from '../../../src/runtime-setup/host.js';
import type { Plan, SetupOptions } from '../../../src/runtime-setup/setup.js';

/** A host root in a temporary directory, with these files. */
export function hostWith(test: TestContext, files: Readonly<Record<string, string>> = {}): Host {
  const root = mkdtempSync(join(tmpdir(), 'hauberk-host-'));
  test.after(() => rmSync(root, { recursive: true }));
  const host = new Host(root);
  for (const [path, text] of Object.entries(files)) writeOn(host, path, text);
  return host;
}

export function writeOn(host: Host, path: string, text: string): void {
  mkdirSync(dirname(host.at(path)), { recursive: true });
  writeFileSync(host.at(path), text);
}

/** Options with a program outside of the host's files. */
export function optionsOn(host: Host, options: Partial<SetupOptions> = {}): SetupOptions {
  writeOn(host, '/build/hauberk-hook', '#!/bin/sh\n');
  return { hookSource: host.at('/build/hauberk-hook'), hookDirectory: HOOK_DIRECTORY, ...options };
}

export function carryOut(host: Host, { changes }: Plan): void {
  for (const change of changes) applyChange(host, change);
}
