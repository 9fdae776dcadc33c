import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { SERVICE_NAMES } from '../../src/rpc/services.js';

test('a release has the API as files that compile alone, and as descriptors with all imports', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-released-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1' };
  execFileSync('tools/release/api', ['1.2.3', directory], { env });
  const { file: files } = fromBinary(FileDescriptorSetSchema, readFileSync(join(directory, 'hauberk-api-1.2.3.binpb')));
  const services = files.flatMap((file) => file.service.map(({ name }) => `${file.package}.${name}`));
  assert.deepEqual(services.sort(), SERVICE_NAMES.filter((name) => name.startsWith('hauberk.v1.')).sort());
  const known = new Set<string>();
  for (const { name, dependency, sourceCodeInfo } of files) {
    for (const imported of dependency) assert.ok(known.has(imported), `${name} stands before ${imported}`);
    known.add(name);
    if (name.startsWith('hauberk/'))
      assert.ok(
        sourceCodeInfo!.location.some(({ leadingComments }) => leadingComments !== ''),
        `${name} without comments`,
      );
  }
  const archive = join(directory, 'hauberk-api-1.2.3.tar.gz');
  const packed = execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' });
  for (const name of ['buf.yaml', 'LICENSE', 'README.md', 'hauberk/v1/policy.proto']) assert.ok(packed.includes(name));
});

test('removing a field of the last release is detected', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-released-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const set = fromBinary(FileDescriptorSetSchema, readFileSync('proto/released.binpb'));
  const policies = set.file.find(({ name }) => name === 'hauberk/v1/policy.proto')!;
  const removed = policies.messageType[0]!.field.pop()!;
  const changed = join(directory, 'changed.binpb');
  writeFileSync(changed, toBinary(FileDescriptorSetSchema, set));
  const { status, stdout } = spawnSync(
    'node_modules/.bin/buf',
    ['breaking', changed, '--against', 'proto/released.binpb'],
    { encoding: 'utf8' },
  );
  assert.equal(status, 100);
  assert.match(stdout, new RegExp(`field "${removed.number}" with name "${removed.name}".* was deleted`));
});
