import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SecurityEvent } from '../../../src/events/event.js';
import { StreamEventsResponse } from '../../../src/generated/hauberk/v1/event.js';
import { AccessClass, Action } from '../../../src/generated/hauberk/v1/policy.js';
import { POLICY_ORIGINS, RULE_CLASSES } from '../../../src/policy/model.js';
import { newEncoder, splitEvents, toSecurityEvent } from '../../../src/rpc/event-message.js';
import { makeEvent } from './support.js';

const text = fc.oneof(
  fc.constantFrom('', '/etc/shadow', 'x'.repeat(24), 'x'.repeat(25), 'x'.repeat(127), 'é'.repeat(64), 'x'.repeat(5000)),
  fc.string({ unit: 'grapheme' }),
);
const id = fc.nat(0xffffffff);
type Telemetry = Required<Pick<SecurityEvent, 'count' | 'operations'>>;
const arbitrary: fc.Arbitrary<Partial<SecurityEvent> & { telemetry?: Telemetry }> = fc.record(
  {
    time: fc.bigInt(0n, 4_000_000_000_000_000_000n),
    containerId: text,
    containerName: text,
    namespace: text,
    // Requests with such a key are refused, so no label has it.
    labels: fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      text,
      { noNullPrototype: true },
    ),
    policy: text,
    policyNamespace: text,
    policyOrigin: fc.constantFrom(...POLICY_ORIGINS),
    rule: text,
    severity: fc.nat(10),
    tags: fc.array(text),
    message: text,
    class: fc.constantFrom(undefined, ...RULE_CLASSES),
    operation: text,
    object: text,
    action: fc.constantFrom(undefined, 'Allow', 'Audit', 'Block'),
    result: fc.constantFrom(undefined, 'denied', 'passed'),
    wouldBlock: fc.boolean(),
    ownerRule: text.filter((rule) => rule !== ''),
    policyOverride: text.filter((override) => override !== ''),
    telemetry: fc.record({ count: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), operations: fc.array(text) }),
    program: text,
    parentProgram: text,
    pid: id,
    hostPid: id,
    parentPid: id,
    hostParentPid: id,
    uid: id,
    comm: text,
    imageId: id,
    suppressed: fc.nat(Number.MAX_SAFE_INTEGER),
    lost: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    details: fc.record({
      hostName: text,
      machineId: text,
      image: text,
      commandLine: fc.array(text),
      workingDirectory: text,
      terminal: text,
      containerUid: fc.option(id, { nil: undefined }),
    }) as fc.Arbitrary<NonNullable<SecurityEvent['details']>>,
  },
  { requiredKeys: [] },
);

test('any event is the same after encoding and decoding', () => {
  fc.assert(
    fc.property(fc.array(arbitrary, { maxLength: 4 }), fc.nat(Number.MAX_SAFE_INTEGER - 4), (given, first) => {
      const events = given.map(({ telemetry, ...event }) => makeEvent({ ...event, ...telemetry }));
      const bytes = newEncoder().encode(events, first);
      const decoded = StreamEventsResponse.decode(bytes).events;
      assert.deepEqual(
        decoded.map(({ sequence }) => sequence),
        events.map((_, index) => BigInt(first + index)),
      );
      const messages = [...splitEvents(bytes)].map(({ message }) => message);
      for (const [index, event] of events.entries()) {
        const { encoded, encodedStart, encodedEnd, details, ...plain } = event;
        assert.deepEqual(toSecurityEvent(messages[index]!), plain);
        const { hostName, machineId, image, commandLine, workingDirectory, terminal, containerUid } = decoded[index]!;
        const found = { hostName, machineId, image, commandLine, workingDirectory, terminal, containerUid };
        if (details !== undefined) assert.deepEqual(found, { ...details });
        assert.deepEqual(StreamEventsResponse.decode(encoded!.subarray(encodedStart, encodedEnd)).events, [
          decoded[index],
        ]);
      }
    }),
  );
});

test('the numbers of enumerations are those of the API', () => {
  const [event] = StreamEventsResponse.decode(newEncoder().encode([makeEvent()], 1)).events;
  assert.deepEqual([event?.class, event?.action], [AccessClass.FILE, Action.BLOCK]);
});
