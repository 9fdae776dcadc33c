import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const { releasedPackages } = (await import(pathToFileURL(resolve('tools/release/npm-packages.mjs')).href)) as {
  releasedPackages(): { name: string; version: string; path: string }[];
};

test('the bill of materials names each version of a package once, whoever brings it, and none that only builds or tests', () => {
  const packages = releasedPackages();
  const names = packages.map(({ name, version }) => `${name}@${version}`);
  assert.deepEqual(names, [...new Set(names)].sort());
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    [kind: string]: Record<string, string>;
  };
  for (const [name, version] of Object.entries(dependencies!)) assert.ok(names.includes(`${name}@${version}`), name);
  // One of them is also among what gRPC asks for, another what protobufjs does.
  const alsoReleased = Object.keys(devDependencies!).filter((name) => packages.some((each) => each.name === name));
  assert.deepEqual(alsoReleased, ['@grpc/proto-loader', '@types/node']);
});
