import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { parse } from 'yaml';

/** The files of a cluster's node, in a directory, and the pods of the hook's manifests there. */
export class NodeOfCluster {
  readonly root = mkdtempSync(join(tmpdir(), 'hauberk-node-'));

  constructor(context: TestContext, files: Readonly<Record<string, string>>) {
    context.after(() => rmSync(this.root, { recursive: true }));
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  write(path: string, text: string, mode = 0o644): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text, { mode });
  }

  read(path: string): string | undefined {
    return existsSync(join(this.root, path)) ? readFileSync(join(this.root, path), 'utf8') : undefined;
  }

  /**
   * Runs the init container of a manifest's pod on these files.
   *
   * @param problem what it says where it fails
   */
  run(manifest: string, problem = ''): void {
    const { spec } = parse(readFileSync(`packaging/kubernetes/${manifest}`, 'utf8'));
    const [{ command }] = spec.template.spec.initContainers as [{ command: string[] }];
    const [program, ...parameters] = command.map((each) => (each === '/host' ? this.root : each));
    assert.equal(program, 'hauberk');
    const { status, stderr } = spawnSync(process.execPath, ['build/program/hauberk.js', ...parameters], {
      encoding: 'utf8',
    });
    assert.equal(stderr, problem);
    assert.equal(status === 0, problem === '');
  }
}
