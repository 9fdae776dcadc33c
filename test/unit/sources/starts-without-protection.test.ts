import assert from 'node:assert/strict';
import { appendFileSync, closeSync, existsSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { IntakeCounts } from '../../../src/control/intake-counts.js';
import { StartsWithoutProtection } from '../../../src/sources/starts-without-protection.js';
import { RecordingLogger } from '../../support/recording-sink.js';

function records(context: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-records-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const counts = new IntakeCounts();
  const logger = new RecordingLogger();
  const starts = new StartsWithoutProtection(directory, counts, logger);
  context.after(() => starts.close());
  const reported = () => logger.lines.map(({ fields }) => fields.start);
  return { path: join(directory, 'starts-without-protection.jsonl'), counts, logger, starts, reported };
}

test("the hook's records are reported once, and those that follow as well", (context) => {
  const { path, counts, starts, reported } = records(context);
  starts.report();
  appendFileSync(path, '{"id":"a"}\nbroken\n');
  starts.report();
  starts.report();
  appendFileSync(path, '{"id":"b"}\n');
  starts.report();
  assert.deepEqual(reported(), [{ id: 'a' }, 'broken', { id: 'b' }]);
  assert.equal(counts.startsWithoutProtection, 3);
  assert.deepEqual([existsSync(path), existsSync(`${path}.taken`)], [false, false]);
});

test('a record by a hook that has opened the file before it was taken is not lost', (context) => {
  const { path, starts, reported } = records(context);
  appendFileSync(path, '{"id":"a"}\n');
  const hook = openSync(path, 'a');
  starts.report();
  writeSync(hook, '{"id":"late"}\n');
  appendFileSync(path, '{"id":"b"}\n');
  starts.report();
  assert.deepEqual(reported(), [{ id: 'a' }, { id: 'late' }, { id: 'b' }]);
  closeSync(hook);
});

test('records that an earlier daemon has taken and not reported are reported, and then later ones', (context) => {
  const { path, starts, reported } = records(context);
  appendFileSync(`${path}.taken`, '{"id":"a"}\n');
  appendFileSync(path, '{"id":"b"}\n');
  starts.report();
  assert.deepEqual(reported(), [{ id: 'a' }]);
  starts.report();
  assert.deepEqual(reported(), [{ id: 'a' }, { id: 'b' }]);
});

test('records that cannot be read are reported as that', (context) => {
  const { path, logger, starts } = records(context);
  appendFileSync(join(path, '..', 'file'), '');
  const other = new StartsWithoutProtection(join(path, '..', 'file'), new IntakeCounts(), logger);
  other.report();
  starts.report();
  assert.deepEqual(
    logger.lines.map(({ message }) => message),
    ['cannot read which containers started without protection'],
  );
});
