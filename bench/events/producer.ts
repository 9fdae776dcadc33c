/** Makes the kernel write records at a given rate. Inherits descriptors 4, the map event_runs, and 5, bench_produce. */
import { RECORD, RECORD_BYTES } from '../../src/kernel/event-record.js';
import { readOnlyValue, runOnce, setOnlyValue } from '../support/bench-object.js';
import { monotonicMilliseconds } from './clock.js';
import type { Produced, ProduceRequest } from './messages.js';

const RUNS_DESCRIPTOR = 4;
const PROGRAM_DESCRIPTOR = 5;
/** struct event_run of bpf/bench.bpf.c. */
const EVENT_RUN = { count: 0, bytes: 4, dropped: 8, record: 16 };
const EVENT_RUN_BYTES = EVENT_RUN.record + RECORD_BYTES + 512;
const BLOCK = (2 << 30) >>> 0;
const OPERATION_OPEN = 1;
const PATHS = ['/srv/application/secrets/database-password', '/usr/bin/python3.11', '/usr/sbin/apache2'];

function template(container: number): Buffer {
  const run = Buffer.alloc(EVENT_RUN_BYTES);
  const record = run.subarray(EVENT_RUN.record);
  record.writeUInt32LE(container, RECORD.pid_namespace);
  record.writeUInt32LE(container, RECORD.mount_namespace);
  record.writeUInt32LE(1, RECORD.image_id);
  record.writeUInt32LE(BLOCK, RECORD.verdict);
  record.writeUInt32LE(OPERATION_OPEN, RECORD.operation);
  record.writeUInt32LE(40_123, RECORD.host_pid);
  record.writeUInt32LE(7, RECORD.pid);
  record.writeUInt32LE(40_001, RECORD.host_parent_pid);
  record.writeUInt32LE(1, RECORD.parent_pid);
  record.writeUInt32LE(1000, RECORD.uid);
  record.write('python3.11', RECORD.comm);
  let offset = RECORD_BYTES;
  for (const [index, path] of PATHS.entries()) {
    record.writeUInt32LE(path.length, RECORD.object_bytes + 4 * index);
    offset += record.write(path, offset);
  }
  run.writeUInt32LE(offset, EVENT_RUN.bytes);
  return run;
}

/** Waits by blocking the thread: nothing else runs here, and timers of the event loop are coarser. */
const pause = new Int32Array(new SharedArrayBuffer(4));
const sleepMilliseconds = (milliseconds: number) => Atomics.wait(pause, 0, 0, milliseconds);

function produce({ eventsPerSecond, seconds, container }: ProduceRequest): Produced {
  const run = template(container);
  const total = Math.round(eventsPerSecond * seconds);
  const began = monotonicMilliseconds();
  let sent = 0;
  let dropped = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((monotonicMilliseconds() - began) / 1000) * eventsPerSecond) + 1);
    if (due > sent) {
      run.writeUInt32LE(due - sent, EVENT_RUN.count);
      setOnlyValue(RUNS_DESCRIPTOR, run);
      runOnce(PROGRAM_DESCRIPTOR);
      dropped += Number(readOnlyValue(RUNS_DESCRIPTOR, EVENT_RUN_BYTES).readBigUInt64LE(EVENT_RUN.dropped));
      sent = due;
    }
    sleepMilliseconds(1);
  }
  return { sent, dropped, began };
}

process.on('message', (request: ProduceRequest) => process.send!(produce(request)));
process.on('disconnect', () => process.exit());
