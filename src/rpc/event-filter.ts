import type { EventFilter } from '../events/filter.js';
import type { Position } from '../events/hub.js';
import { Failure } from '../failure.js';
import type { StreamEventsRequest } from '../generated/hauberk/v1/event.js';
import { patternMatcher } from '../image/pattern-matcher.js';
import { ACTION_CHOICE, ACTION_NAMES, CLASS_CHOICE, CLASS_NAMES, RESULT_NAMES } from './names.js';
import { RequestChecks } from './request-checks.js';

const SEVERITY_MAX = 10;
const NANOSECONDS = 1_000_000_000n;

export type Compile = Parameters<typeof patternMatcher>[1];

/**
 * The filter a request asks for.
 *
 * @param compile makes an image of a pattern
 * @throws Failure invalid-argument for values no event can have: a stream that stays empty forever is useless
 */
export async function toEventFilter(request: StreamEventsRequest, compile: Compile): Promise<EventFilter> {
  const checks = new RequestChecks();
  const named = <Value, Name>(
    values: readonly Value[],
    names: ReadonlyMap<Value, Name>,
    field: string,
    choice: string,
  ) =>
    values.flatMap((value, index) => {
      const name = names.get(value);
      checks.require(name !== undefined, `${field}[${index}]`, `must be ${choice}`);
      return name === undefined ? [] : [name];
    });
  const texts = (values: readonly string[], field: string) => {
    for (const [index, value] of values.entries()) {
      checks.require(value !== '', `${field}[${index}]`, 'must not be empty');
    }
    return values;
  };
  const { minimumSeverity } = request;
  const inRange = minimumSeverity <= SEVERITY_MAX;
  checks.require(inRange, 'minimum_severity', `must not be greater than ${SEVERITY_MAX}`);
  const { since, resumeAfter } = request;
  checks.require(since === undefined || resumeAfter === undefined, 'since', 'cannot be given with resume_after');
  const isStored = request.includeTelemetry && request.storedOnly;
  checks.require(!isStored, 'include_telemetry', 'cannot be given with stored_only: telemetry is not stored');
  const filter: EventFilter = {
    containerIds: texts(request.containerIds, 'container_ids'),
    containerNames: texts(request.containerNames, 'container_names'),
    namespaces: texts(request.namespaces, 'namespaces'),
    policies: texts(request.policies, 'policies'),
    classes: named(request.classes, CLASS_NAMES, 'classes', CLASS_CHOICE),
    actions: named(request.actions, ACTION_NAMES, 'actions', ACTION_CHOICE),
    results: named(request.results, RESULT_NAMES, 'results', 'RESULT_DENIED or RESULT_PASSED'),
    minimumSeverity,
    labels: request.labels,
  };
  const { objectPattern } = request;
  const objectMatches = objectPattern === '' ? undefined : await objectMatcher(objectPattern, compile, checks);
  checks.done();
  return { ...filter, ...(objectMatches !== undefined && { objectMatches }) };
}

/** Where the stream is to continue; undefined for one that starts now. */
export function toPosition({ resumeAfter }: StreamEventsRequest): Position | undefined {
  return resumeAfter && { run: resumeAfter.run, sequence: Number(resumeAfter.sequence) };
}

/** Nanoseconds since the Unix epoch; undefined where no time is given. */
export function toSince({ since }: StreamEventsRequest): bigint | undefined {
  return since && since.seconds * NANOSECONDS + BigInt(since.nanos);
}

async function objectMatcher(
  pattern: string,
  compile: Compile,
  checks: RequestChecks,
): Promise<(object: string) => boolean> {
  try {
    return await patternMatcher(pattern, compile);
  } catch (thrown) {
    // Without a problem it was not caused by the pattern.
    if (!(thrown instanceof Failure) || thrown.problems.length === 0) throw thrown;
    checks.require(false, 'object_pattern', thrown.problems[0]!.description);
    return () => false;
  }
}
